"""The machinery of photoflight: no window, no OpenGL, everything testable without a GPU."""
