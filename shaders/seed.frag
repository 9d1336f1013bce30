#version 330 core
// What holes are filled from: each pixel stands for 2x2 texels of the lookup and takes the farthest known one, because what a hole
// uncovers lies behind what stands beside it. Colours are differences from the sky dome, so that sky goes on as sky and deep holes
// as mist, premultiplied by a weight that favours far neighbours. Sky counts as much as far land does: what comes out from behind a
// ridge before a far one would be patches of sky.
#include "view.glsl"
#include "sky.glsl"
#include "lookup.glsl"
#include "keyframes.glsl"
const float FAR = 0.12;  // disparity
uniform sampler2D newer;
uniform sampler2D older;
in vec2 uv;
out vec4 seed;

vec4 seed_of(sampler2D lookup, int which) {
    ivec2 last = textureSize(lookup, 0) - 1, corner = ivec2(gl_FragCoord.xy) * 2;
    vec4 best = vec4(0.0, 0.0, 1e9, -1.0);
    int keyframe = -1;
    vec2 here = uv;
    for (int i = 0; i < 4; i++) {
        ivec2 at = min(corner + ivec2(i & 1, i >> 1), last);
        vec4 found = texelFetch(lookup, at, 0);
        int k = keyframe_at(which, found.w);
        if (k >= 0 && found.z < best.z) {
            best = found;
            keyframe = k;
            here = (vec2(at) + 0.5) / vec2(last + 1);
        }
    }
    vec4 seen = texel(max(keyframe, 0), best.xy, vec2(0.0), vec2(0.0));
    vec3 sky = sky_colour((world_from_target * vec4(here, 1.0, 0.0)).xyz);
    vec3 known = best.z > 0.0 ? (1.0 - seen.a) * (seen.rgb - sky) : vec3(0.0);
    float weight = keyframe < 0 ? 0.0 : 1.0 / pow(max(best.z, FAR) + 0.05, 4.0);
    return vec4(known * weight, weight);
}

void main() {
    seed = seed_of(newer, 0);
#if LAYERS == 2
    seed = mix(seed_of(older, 1), seed, target.z);
#endif
}
