#version 330 core
// What holes are filled from: each pixel stands for 2x2 texels of the lookup and takes the farthest known one, because what a hole
// uncovers lies behind what stands beside it. Colours are premultiplied by a weight that favours far neighbours.
#include "view.glsl"
#include "sky.glsl"
#include "lookup.glsl"
#include "keyframes.glsl"
uniform sampler2D newer;
uniform sampler2D older;
in vec2 uv;
out vec4 seed;

vec4 seed_of(sampler2D lookup) {
    ivec2 size = textureSize(lookup, 0), corner = ivec2(gl_FragCoord.xy) * 2;
    vec2 best = vec2(1e9, -1.0), place = uv;
    for (int i = 0; i < 4; i++) {
        ivec2 at = min(corner + ivec2(i & 1, i >> 1), size - 1);
        vec2 found = texelFetch(lookup, at, 0).xy;
        if (found.y >= 0.0 && found.x < best.x) {
            best = found;
            place = (vec2(at) + 0.5) / vec2(size);
        }
    }
    int k = max(int(round(best.y)), 0);
    vec3 sky = sky_colour((world_from_target * vec4(place, 1.0, 0.0)).xyz);
    vec4 seen = texel(k, place, best.x, vec2(0.0));
    vec3 known = best.x > 0.0 ? mix(seen.rgb, sky, seen.a) : sky;
    float weight = best.y < 0.0 ? 0.0 : 1.0 / pow(max(best.x, 0.02) + 0.05, 2.0);
    return vec4(known * weight, weight);
}

void main() {
    seed = seed_of(newer);
#if LAYERS == 2
    seed = mix(seed_of(older), seed, target.z);
#endif
}
