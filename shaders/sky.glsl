// S(direction): what lies at infinity. The twin of core.sky.Dome.colour.
uniform sampler2D dome;
uniform sampler2D detail;

vec3 sky_colour(vec3 ray) {
    vec2 place = vec2(atan(ray.x, ray.z) * 0.15915494 + 0.5, atan(ray.y, length(ray.xz)) * 0.31830989 + 0.5);
    vec3 colour = textureLod(dome, place, 0.0).rgb;
    vec3 seen = (detail_from_world * vec4(ray, 0.0)).xyz;
    vec2 at = seen.xy / max(seen.z, 1e-6);
    vec4 over = textureLod(detail, at, target.w);
    float inside = float(seen.z > 1e-6 && all(equal(at, clamp(at, 0.0, 1.0))));
    return mix(colour, over.rgb, over.a * inside);
}
