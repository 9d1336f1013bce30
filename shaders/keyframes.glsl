// Colour and sky alpha of keyframes: the start photo has a texture of its own, keyframe k is layer k - 1 of the others' array.
uniform sampler2D photo;
uniform sampler2DArray refined;
const float SHARPER = 0.7;  // of a target pixel, what the photo is filtered over: else the first keyframe is thrice as sharp

// `by_x` and `by_y` are the steps of `place` by target pixel: screen derivatives would be wrong across silhouettes.
vec4 texel(int k, vec2 place, vec2 by_x, vec2 by_y) {
#if ANISOTROPIC
    vec4 full = textureGrad(photo, place, SHARPER * by_x, SHARPER * by_y);
    vec4 small = textureGrad(refined, vec3(place, float(k - 1)), by_x, by_y);
#else
    vec2 size = vec2(k == 0 ? textureSize(photo, 0) : textureSize(refined, 0).xy);
    float share = k == 0 ? SHARPER : 1.0;
    vec2 x = share * by_x * size, y = share * by_y * size;
    float level = max(0.0, 0.5 * log2(max(max(dot(x, x), dot(y, y)), 1e-12)));
    vec4 full = textureLod(photo, place, level);
    vec4 small = textureLod(refined, vec3(place, float(k - 1)), level);
#endif
    return k == 0 ? full : small;
}

// Keyframe k where it shows the surface at `disparity` that the target shows at `uv`. Unlike a position in a lookup this is exact
// beside silhouettes too, where there is nothing to interpolate with. `place` returns where that is.
vec4 texel_at(int k, vec2 uv, float disparity, out vec2 place) {
    mat4 m = source_from_target[k];
    vec3 seen = (m * vec4(uv, 1.0, disparity)).xyz;
    place = seen.xy / seen.z;
    vec2 by_x = (m[0].xy - place * m[0].z) / (seen.z * target.x), by_y = (m[1].xy - place * m[1].z) / (seen.z * target.y);
    return texel(k, place, by_x, by_y);
}
