"""Evaluation: how good a generator's flights are, in figures and pictures. ``core.evaluation.run.evaluate`` does all of it."""
