/** Matrix products: C is [M,N], A is [M,K], B is [K,N]; M rows, N columns, K the length of the inner products. */
@NullMarked
package tern.kernels.matmul;

import org.jspecify.annotations.NullMarked;
