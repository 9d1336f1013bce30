"""Exemplar synthesis: every new pixel of a keyframe is a position in the start photo. No training, no weights."""
