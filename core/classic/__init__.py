"""The published InfiniteNature-Zero (Li, Wang, Snavely, Kanazawa, ECCV 2022): its network, its renderer, its loop.

``classical`` is another thing: this program's generator without training. Everything here works on (N, C, H, W) float32
tensors, world_to_camera poses and intrinsics in pixels, as the release does; integer pixel coordinates are centres of pixels.
"""
