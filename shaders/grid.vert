#version 330 core
// A vertex of a keyframe's mesh, seen by another camera. `pixels_from_source` takes (u, v, 1, disparity) to homogeneous target pixels.
uniform mat4x3 pixels_from_source;
uniform vec2 size;  // of the target, pixels
uniform float nearest;  // disparity
in vec3 vertex;  // u, v, disparity
out vec2 uv;

void main() {
    vec3 at = pixels_from_source * vec4(vertex.xy, 1.0, vertex.z);
    uv = vertex.xy;
    gl_Position = vec4(2.0 * at.x / size.x - at.z, at.z - 2.0 * at.y / size.y, at.z - 2.0 * vertex.z / nearest, at.z);
}
