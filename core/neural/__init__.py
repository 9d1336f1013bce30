"""The trained generator."""

from core.neural.generator import NeuralGenerator

__all__ = ["NeuralGenerator"]
