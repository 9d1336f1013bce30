#version 330 core
// Last pass: the pixels on silhouettes, soft skylines and holes. Each texel group of the lookup is shaded on its own and the two
// largest are mixed by coverage, so that edges are smooth and no colour bleeds from one surface into another.
#include "view.glsl"
#include "sky.glsl"
#include "lookup.glsl"
#include "keyframes.glsl"
uniform sampler2D newer;
uniform sampler2D older;
uniform sampler2D fill;
in vec2 uv;
out vec4 colour;

int largest(vec4 w) {
    vec2 best = w.y > w.x ? vec2(w.y, 1.0) : vec2(w.x, 0.0);
    best = w.z > best.x ? vec2(w.z, 2.0) : best;
    return w.w > best.x ? 3 : int(best.y);
}

// 1 for the texels that belong to the same surface as texel i.
vec4 alike(vec4 disparity, vec4 slot, int i) {
    vec4 apart = abs(disparity - disparity[i]);
    vec4 limit = SAME_SURFACE * max(disparity, vec4(disparity[i])) + SAME_DISTANCE;
    vec4 same_kind = vec4(equal(equal(disparity, vec4(0.0)), bvec4(disparity[i] == 0.0)));
    return same_kind * vec4(equal(slot, vec4(slot[i]))) * vec4(lessThanEqual(apart, limit));
}

vec3 shaded(int keyframe, float disparity, vec3 sky) {
    int k = max(keyframe, 0);
    vec2 place;
    vec4 seen = texel_at(k, uv, disparity, place);
    vec3 ray = (world_from_source[k] * vec4(place, 1.0, 0.0)).xyz;
    // what is left without the sky is the land's share, and cannot be more than that unless the alpha is wrong
    vec3 rest = seen.rgb - seen.a * sky_colour(ray);
    rest = mix(clamp(rest, 0.0, 1.0 - seen.a), rest, home[k]);
    vec3 land = clamp(rest + seen.a * sky, 0.0, 1.0);
    vec3 known = disparity > 0.0 ? land : mix(sky, seen.rgb, home[k]);
    vec4 guess = textureLod(fill, uv, 0.0);
    return keyframe < 0 ? clamp(sky + guess.a * guess.rgb, 0.0, 1.0) : known;
}

vec3 layer(sampler2D lookup, int which, vec3 sky) {
    Quad q = quad(lookup, uv);
    vec2 f = clamp(q.f, 0.0, 1.0);
    vec4 weight = vec4((1.0 - f.x) * (1.0 - f.y), f.x * (1.0 - f.y), (1.0 - f.x) * f.y, f.x * f.y);
    vec4 disparity = vec4(q.a.z, q.b.z, q.c.z, q.d.z), slot = vec4(q.a.w, q.b.w, q.c.w, q.d.w);
    int first = largest(weight);
    vec4 group = weight * alike(disparity, slot, first);
    float share = dot(group, vec4(1.0));
    vec3 ours = shaded(keyframe_at(which, slot[first]), dot(group, disparity) / share, sky);
    vec4 rest = weight - group;
    int second = largest(rest);
    group = rest * alike(disparity, slot, second);
    vec3 theirs = shaded(keyframe_at(which, slot[second]), dot(group, disparity) / max(dot(group, vec4(1.0)), 1e-6), sky);
    return mix(theirs, ours, smoothstep(0.1, 0.9, share));
}

void main() {
    vec3 sky = sky_colour((world_from_target * vec4(uv, 1.0, 0.0)).xyz);
    vec3 seen = layer(newer, 0, sky);
#if LAYERS == 2
    seen = mix(layer(older, 1, sky), seen, target.z);
#endif
    colour = vec4(seen, 1.0);
}
