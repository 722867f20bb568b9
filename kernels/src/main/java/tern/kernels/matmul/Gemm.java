package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.Workspace;

/**
 * Products of single-precision matrices that lie anywhere in memory, for use inside other kernels.
 * Stateless; safe for use by several threads, each with its own scratch memory. How it is cut up is told in {@link Blocking}.
 */
public final class Gemm {
    private Gemm() {
    }

    /**
     * C ← alpha·op(A)·op(B) + keep·C, where op(A) is [m,k], op(B) is [k,n] and C is [m,n].
     *
     * <p>Offsets are those of a matrix's first number, in bytes; {@code lda}, {@code ldb} and {@code ldc} are the numbers from
     * one stored row to the next, in elements. Arguments are the caller's promise: segments are checked for their bounds
     * only. C must not overlap A or B.
     *
     * @param transA A is stored [k,m]
     * @param transB B is stored [n,k]
     * @param keep 0 to overwrite C, whatever it held, NaN included
     * @param scratch up to 16 MiB for large matrices, 192 KiB for sides up to 128; taken back on return
     */
    public static void multiply(int m, int n, int k, MemorySegment a, long aOffset, int lda, boolean transA,
            MemorySegment b,
            long bOffset, int ldb, boolean transB, MemorySegment c, long cOffset, int ldc, float alpha, float keep,
            Workspace scratch) {
        new Blocking(m, n, k, a, aOffset, 4L * lda, transA, b, bOffset, 4L * ldb, transB, c, cOffset, 4L * ldc, alpha,
                keep,
                Blocking.NO_BIAS).run(scratch);
    }

    /**
     * {@link #multiply(int, int, int, MemorySegment, long, int, boolean, MemorySegment, long, int, boolean, MemorySegment, long,
     * int, float, float, Workspace)} on all threads of a team; the same bits.
     */
    public static void multiply(ThreadTeam team, int m, int n, int k, MemorySegment a, long aOffset, int lda,
            boolean transA,
            MemorySegment b, long bOffset, int ldb, boolean transB, MemorySegment c, long cOffset, int ldc, float alpha,
            float keep) {
        new Blocking(m, n, k, a, aOffset, 4L * lda, transA, b, bOffset, 4L * ldb, transB, c, cOffset, 4L * ldc, alpha,
                keep,
                Blocking.NO_BIAS).run(team);
    }
}
