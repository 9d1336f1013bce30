// What the mirrors of kernels.cu's structs are compared with.
extern "C" int size_of_view() { return sizeof(View); }
extern "C" int size_of_layer() { return sizeof(Layer); }
extern "C" int size_of_frame() { return sizeof(Frame); }
extern "C" int place_of_holes() { return offsetof(Summary, holes); }
