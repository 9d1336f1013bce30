"""The generator that needs no training: the fallback where weights are missing, and the baseline that a trained one must beat."""

from core.classical.generator import ClassicalGenerator

__all__ = ["ClassicalGenerator"]
