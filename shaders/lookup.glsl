// A lookup may be coarser than the target. Its texels are (u, v, disparity, slot): slot -1 is a hole, disparity 0 is sky.
struct Quad {
    vec4 a, b, c, d;  // the texels around a target pixel: top left, top right, bottom left, bottom right
    vec2 f;           // where the pixel lies between them; outside of [0, 1] at the lookup's edges
};

Quad quad(sampler2D lookup, vec2 uv) {
    ivec2 last = textureSize(lookup, 0) - 1;
    vec2 at = uv * vec2(last + 1) - 0.5;
    ivec2 low = clamp(ivec2(floor(at)), ivec2(0), max(last - 1, 0)), high = min(low + 1, last);
    Quad q;
    q.a = texelFetch(lookup, low, 0);
    q.b = texelFetch(lookup, ivec2(high.x, low.y), 0);
    q.c = texelFetch(lookup, ivec2(low.x, high.y), 0);
    q.d = texelFetch(lookup, high, 0);
    q.f = at - vec2(low);
    return q;
}

vec4 nearest_texel(sampler2D lookup, vec2 uv) {
    ivec2 size = textureSize(lookup, 0);
    return texelFetch(lookup, min(ivec2(uv * vec2(size)), size - 1), 0);
}
