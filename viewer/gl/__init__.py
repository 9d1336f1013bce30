"""The parts of the renderer: programs, textures, the fill pyramid, debug pictures."""
