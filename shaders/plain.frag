#version 330 core
// First pass over the target: finishes the pixels that lie within one surface of opaque land, which are most of them, and writes
// the class of every other pixel into the depth buffer. The depth test then spares the later passes all that is done.
#include "view.glsl"
#include "keyframes.glsl"
#include "lookup.glsl"
uniform sampler2D newer;
uniform sampler2D older;
in vec2 uv;
out vec4 colour;

vec4 plain(sampler2D lookup, int which, out float kind) {
    Quad q = quad(lookup, uv);
    float least = min(min(q.a.z, q.b.z), min(q.c.z, q.d.z)), most = max(max(q.a.z, q.b.z), max(q.c.z, q.d.z));
    bool land_and_sky = least == 0.0 && most > 0.0;
    bool whole = !land_and_sky && all(equal(vec4(q.a.w, q.b.w, q.c.w, q.d.w), vec4(q.a.w))) && most - least <= SAME_SURFACE * most + SAME_DISTANCE;
    int k = keyframe_at(which, q.a.w);
    kind = !whole || k < 0 ? MIXED : most == 0.0 ? SKY : PLAIN;
    vec2 place = mix(mix(q.a.xy, q.b.xy, q.f.x), mix(q.c.xy, q.d.xy, q.f.x), q.f.y);
    vec2 finer = vec2(textureSize(lookup, 0)) / target.xy;
    return texel(k, place, (q.b.xy - q.a.xy) * finer.x, (q.c.xy - q.a.xy) * finer.y);
}

void main() {
    float kind;
    vec4 seen = plain(newer, 0, kind);
#if LAYERS == 2
    float older_kind;
    seen = mix(plain(older, 1, older_kind), seen, target.z);
    kind = kind == older_kind ? kind : MIXED;
#endif
    if (kind == PLAIN && seen.a > 0.001) kind = MIXED;
    gl_FragDepth = kind;
    colour = vec4(seen.rgb, 1.0);
}
