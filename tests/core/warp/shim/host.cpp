// kernels.cu as host functions: host_NAME(columns, rows, threads, frame); and the sizes of its structs.
#include "cuda.h"
#include "kernels.cu"

#define HOST(name)                                                                               \
    extern "C" void host_##name(unsigned columns, unsigned rows, unsigned threads, Frame *frame) { \
        launch(name, columns, rows, threads, frame);                                             \
    }
HOST(project)
HOST(rasterise)
HOST(rasterise_large)
HOST(resolve)

extern "C" int size_of_view() { return sizeof(View); }
extern "C" int size_of_layer() { return sizeof(Layer); }
extern "C" int size_of_frame() { return sizeof(Frame); }
extern "C" int place_of_holes() { return offsetof(Summary, holes); }
