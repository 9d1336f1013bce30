// A lookup may be coarser than the target. Its texels are (disparity, keyframe); keyframe -1 is a hole, disparity 0 is sky.
struct Quad {
    vec4 disparity;  // of the four texels around a target pixel: top left, top right, bottom left, bottom right
    ivec4 keyframe;
    vec4 weight;     // bilinear, sum 1
    int nearest;
    vec2 slope;      // gradient of disparity by uv
};

Quad quad(sampler2D lookup, vec2 uv) {
    ivec2 size = textureSize(lookup, 0);
    vec2 at = uv * vec2(size) - 0.5;
    vec2 f = fract(at);
    ivec2 low = clamp(ivec2(floor(at)), ivec2(0), size - 1), high = clamp(ivec2(floor(at)) + 1, ivec2(0), size - 1);
    vec2 a = texelFetch(lookup, low, 0).xy, b = texelFetch(lookup, ivec2(high.x, low.y), 0).xy;
    vec2 c = texelFetch(lookup, ivec2(low.x, high.y), 0).xy, d = texelFetch(lookup, high, 0).xy;
    Quad q;
    q.disparity = vec4(a.x, b.x, c.x, d.x);
    q.keyframe = ivec4(round(vec4(a.y, b.y, c.y, d.y)));
    q.weight = vec4((1.0 - f.x) * (1.0 - f.y), f.x * (1.0 - f.y), (1.0 - f.x) * f.y, f.x * f.y);
    q.nearest = (f.x >= 0.5 ? 1 : 0) + (f.y >= 0.5 ? 2 : 0);
    q.slope = 0.5 * vec2(b.x + d.x - a.x - c.x, c.x + d.x - a.x - b.x) * vec2(size);
    return q;
}

// 1 for the texels that belong to the same surface as texel i.
vec4 alike(Quad q, int i) {
    vec4 apart = abs(q.disparity - q.disparity[i]);
    vec4 limit = SAME_SURFACE * max(q.disparity, vec4(q.disparity[i]));
    return vec4(equal(q.keyframe, ivec4(q.keyframe[i]))) * vec4(lessThanEqual(apart, limit));
}

// The nearest texel alone.
vec2 nearest_texel(sampler2D lookup, vec2 uv) {
    ivec2 size = textureSize(lookup, 0);
    return texelFetch(lookup, clamp(ivec2(uv * vec2(size)), ivec2(0), size - 1), 0).xy;
}
