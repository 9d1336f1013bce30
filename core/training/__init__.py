"""Training from photos: the perception network and, from single photographs, the generator."""

import os

# Before torch is loaded: OpenMP threads that wait for each other sleep instead of spinning. With another busy process on the
# cores a step of the generator's training takes 1.1 s so, and 6.3 s otherwise.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
