// What a frame is seen with. Matrices act on homogeneous uv; see viewer/gl/view.py for the packing.
const int MOST_KEYFRAMES = 8;
// Texels of a lookup belong to one surface when their disparities differ by less than this share of the larger, plus this.
const float SAME_SURFACE = 0.1, SAME_DISTANCE = 0.01;
const float PLAIN = 0.0, SKY = 0.4, MIXED = 0.8;  // classes of pixels, kept in the depth buffer

layout(std140) uniform View {
    mat4 world_from_target;                     // (u, v, 1, -): ray
    mat4 detail_from_world;                     // ray: uv of the dome's detail picture
    mat4 source_from_target[MOST_KEYFRAMES];    // (u, v, 1, disparity): uv of a keyframe
    mat4 world_from_source[MOST_KEYFRAMES];     // (u, v, 1, -): ray
    float home[MOST_KEYFRAMES];                 // share of its own sky that it shows
    uvec4 keyframe_of;                          // x: newer layer, y: older; see keyframe_at
    vec4 target;                                // width, height, fade, level of the detail picture
};

// Number of the keyframe in a slot of a layer (0 the newer, 1 the older), -1 where there is none: four bits each, as software OpenGL
// shifts eight pixels at once but looks each up in an array of its own (2% of a frame).
int keyframe_at(int layer, float slot) {
    return int((keyframe_of[layer] >> (4 * int(slot + 1.0))) & 15u) - 1;
}
