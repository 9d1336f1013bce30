"""GLSL 3.30 core sources of the display passes."""
