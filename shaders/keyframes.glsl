// Colour and sky alpha of keyframes. The start photo has a texture of its own, the refined keyframes share an array.
uniform sampler2D photo;
uniform sampler2DArray refined;

// Where keyframe k shows the surface at `disparity` that the target shows at `uv`. Exact, so only disparities are ever interpolated
// between the texels of a coarser lookup, never positions.
vec2 source_uv(int k, vec2 uv, float disparity) {
    vec3 seen = (source_from_target[k] * vec4(uv, 1.0, disparity)).xyz;
    return seen.xy / seen.z;
}

// `slope` is the gradient of disparity by target uv; with it the footprint of a pixel is known without screen derivatives, which
// would be wrong across silhouettes.
vec4 texel(int k, vec2 uv, float disparity, vec2 slope) {
    mat4 m = source_from_target[k];
    vec3 seen = (m * vec4(uv, 1.0, disparity)).xyz;
    vec2 at = seen.xy / seen.z;
    vec3 right = (m[0].xyz + slope.x * m[3].xyz) / (seen.z * target.x);
    vec3 down = (m[1].xyz + slope.y * m[3].xyz) / (seen.z * target.y);
    vec2 by_x = right.xy - at * right.z, by_y = down.xy - at * down.z;
#if ANISOTROPIC
    vec4 full = textureGrad(photo, at, by_x, by_y);
    vec4 small = textureGrad(refined, vec3(at, source[k].z), by_x, by_y);
#else
    vec2 x = by_x * source[k].xy, y = by_y * source[k].xy;
    float level = max(0.0, 0.5 * log2(max(max(dot(x, x), dot(y, y)), 1e-12)));
    vec4 full = textureLod(photo, at, level);
    vec4 small = textureLod(refined, vec3(at, source[k].z), level);
#endif
    return k == 0 ? full : small;
}
