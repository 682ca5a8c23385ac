// Loader of an OpenBLAS shared library at run time, for LAPACK: where it is comes from the layer
// above. Matrix products do not need it: the kernels of gemm.h measured at least as fast.
// Layer: kernels.
#pragma once

#include <string>

namespace torchy::blas {

// Where the library is. The finder is called once, at the first need, and returns the path of the
// library or "" for none; a path given by set_blas_path goes before it. The finder may be called
// while the interpreter lock is free and on any thread.
using FindBlas = std::string (*)();
void set_blas_finder(FindBlas find);
// Takes effect if the library has not been loaded yet; false (and nothing done) if it has.
bool set_blas_path(const std::string& path);

// Loads at the first call. All of the following do.
bool available();
// OpenBLAS's own description of its build and core; "" without a library.
const std::string& config();
// Why there is none: "" when it is loaded.
const std::string& load_error();
// A function of the library by its Fortran or C name, such as "dgesv_" or "cblas_sgemm", with or
// without the build's prefix; nullptr when there is no such function or no library.
void* symbol(const char* name);

// The library's threads for calls made from here on: as many as get_num_threads(), or one within
// a parallel region. Call it before a LAPACK call. The count is one for the whole process.
void match_threads();

}  // namespace torchy::blas
