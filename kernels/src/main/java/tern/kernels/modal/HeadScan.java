package tern.kernels.modal;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.clear;
import static tern.kernels.lanes.Lanes.padded;
import static tern.tensor.Tensor.DOUBLE;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.ops.Modes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Many positions of one filter of heads, in chunks (Yang et al. 2023, arXiv 2312.06635, section 3, with a Toeplitz mask):
 *
 * <pre>
 * Y = ((Q·Kᵀ) ⊙ T_h)·V + [Σ_n C_nt·S_nᵀ·q_t]_t      C_nt: Re R·λ^t and −Im R·λ^t of a pair, S·ρ^t of a real pole
 * S_n ← λ_n^c·S_n + Σ_t λ_n^(c−1−t)·k_t·v_tᵀ        c: positions in the chunk
 * </pre>
 *
 * <p>All products are of small matrices ({@link Tiles}) whose lanes hold positions, or entries (i,j) of the head's matrices.
 * Rows of modes are Re of all pairs of the filter, Im of all pairs, reals. Powers of the rounded poles are multiplied up in
 * double precision and then rounded, so that their error does not grow with time.
 */
final class HeadScan {
    /** Positions in a chunk. */
    static final int CHUNK = 64;

    private final Modes modes;
    private final int f;
    private final int width;
    private final int pairs;
    private final int reals;
    /** Rows of modes, and that padded. */
    private final int rows;
    private final int paddedRows;
    private final int entries;
    /** Entries padded to lanes, positions padded to lanes, head width padded to rows of a tile. */
    private final int entryLanes;
    private final int lanes;
    private final int paddedWidth;
    private final int powersLength;
    private final Workspace scratch;
    /** λ^j in double precision [rows, CHUNK + 1]: Re, Im, real. */
    private final MemorySegment exactPowers;
    /** The same in floats. */
    private final MemorySegment powers;
    /** C, positions in the lanes. */
    private final MemorySegment read;
    /** h_0 … h_(CHUNK−1) after CHUNK zeros. */
    private final MemorySegment taps;
    /** h_(CHUNK−1) … h_0 before CHUNK zeros. */
    private final MemorySegment turnedTaps;

    /** Filter f, for calls of up to {@code time} positions. */
    HeadScan(Modes modes, Tensor poles, Tensor passThrough, int f, int width, int time, Workspace scratch) {
        this.modes = modes;
        this.f = f;
        this.width = width;
        this.scratch = scratch;
        this.pairs = modes.pairStart()[f + 1] - modes.pairStart()[f];
        this.reals = modes.realStart()[f + 1] - modes.realStart()[f];
        this.rows = 2 * pairs + reals;
        this.paddedRows = Tiles.paddedRows(rows);
        this.entries = width * width;
        this.entryLanes = padded(entries);
        this.lanes = padded(Math.min(time, CHUNK));
        this.paddedWidth = Tiles.paddedRows(width);
        this.powersLength = CHUNK + LENGTH;
        this.exactPowers = scratch.doubleMemory((long) rows * (CHUNK + 1));
        this.powers = floats(paddedRows * powersLength).fill((byte) 0);
        this.read = floats(paddedRows * lanes).fill((byte) 0);
        this.taps = floats(3 * CHUNK).fill((byte) 0);
        this.turnedTaps = floats(3 * CHUNK).fill((byte) 0);
        fillPowers(poles);
        fillRead();
        fillTaps(passThrough.get(f));
    }

    private int modeOf(int row) {
        if (row < pairs) {
            return modes.pairStart()[f] + row;
        }
        return row < 2 * pairs ? modes.pairs() + modes.pairStart()[f] + row - pairs
                : 2 * modes.pairs() + modes.realStart()[f] + row - 2 * pairs;
    }

    private double power(int row, int exponent) {
        return exactPowers.get(DOUBLE, 8L * (row * (CHUNK + 1) + exponent));
    }

    private double residueReal(int n) {
        return modes.residueReal().data().get(FLOAT, 4L * (modes.pairStart()[f] + n));
    }

    private double residueImaginary(int n) {
        return modes.residueImaginary().data().get(FLOAT, 4L * (modes.pairStart()[f] + n));
    }

    private double residue(int m) {
        return modes.realResidue().data().get(FLOAT, 4L * (modes.realStart()[f] + m));
    }

    private void fillPowers(Tensor poles) {
        for (int n = 0; n < pairs; n++) {
            double poleReal = poles.get(modeOf(n));
            double poleImaginary = poles.get(modeOf(pairs + n));
            double real = 1;
            double imaginary = 0;
            for (int j = 0; j <= CHUNK; j++) {
                setPower(n, j, real);
                setPower(pairs + n, j, imaginary);
                double next = real * poleReal - imaginary * poleImaginary;
                imaginary = real * poleImaginary + imaginary * poleReal;
                real = next;
            }
        }
        for (int m = 0; m < reals; m++) {
            double pole = poles.get(modeOf(2 * pairs + m));
            double power = 1;
            for (int j = 0; j <= CHUNK; j++) {
                setPower(2 * pairs + m, j, power);
                power *= pole;
            }
        }
    }

    private void setPower(int row, int exponent, double value) {
        exactPowers.set(DOUBLE, 8L * (row * (CHUNK + 1) + exponent), value);
        powers.set(FLOAT, 4L * ((long) row * powersLength + exponent), (float) value);
    }

    private void fillRead() {
        int length = Math.min(lanes, CHUNK);
        for (int n = 0; n < pairs; n++) {
            double residueReal = residueReal(n);
            double residueImaginary = residueImaginary(n);
            for (int t = 0; t < length; t++) {
                double real = power(n, t);
                double imaginary = power(pairs + n, t);
                setRead(n, t, residueReal * real - residueImaginary * imaginary);
                setRead(pairs + n, t, -residueReal * imaginary - residueImaginary * real);
            }
        }
        for (int m = 0; m < reals; m++) {
            double residue = residue(m);
            for (int t = 0; t < length; t++) {
                setRead(2 * pairs + m, t, residue * power(2 * pairs + m, t));
            }
        }
    }

    private void setRead(int row, int t, double value) {
        read.set(FLOAT, 4L * ((long) row * lanes + t), (float) value);
    }

    private void fillTaps(double passThrough) {
        int length = Math.min(lanes, CHUNK);
        for (int t = 0; t < length; t++) {
            double tap = t == 0 ? passThrough : 0;
            for (int n = 0; t > 0 && n < pairs; n++) {
                tap += residueReal(n) * power(n, t - 1) - residueImaginary(n) * power(pairs + n, t - 1);
            }
            for (int m = 0; t > 0 && m < reals; m++) {
                tap += residue(m) * power(2 * pairs + m, t - 1);
            }
            taps.set(FLOAT, 4L * (CHUNK + t), (float) tap);
            turnedTaps.set(FLOAT, 4L * (CHUNK - 1 - t), (float) tap);
        }
    }

    private MemorySegment floats(int length) {
        return scratch.floatMemory(length);
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** y and the next state of one sequence. */
    void forward(Tensor query, Tensor key, Tensor value, Tensor state, Tensor y, Tensor nextState, int b) {
        int time = query.dim(1);
        MemorySegment s = floats(paddedRows * entryLanes);
        MemorySegment update = floats(paddedRows * entryLanes);
        MemorySegment keys = floats(CHUNK * width + LENGTH);
        MemorySegment values = floats(CHUNK * width + LENGTH);
        MemorySegment turnedQueries = floats(width * lanes);
        MemorySegment scores = floats(CHUNK * lanes);
        MemorySegment mixed = floats(paddedWidth * lanes);
        MemorySegment added = floats(CHUNK * entryLanes + LENGTH).fill((byte) 0);
        MemorySegment readOut = floats(Tiles.paddedRows(entries) * lanes);
        gather(state, b, s);
        for (int start = 0; start < time; start += CHUNK) {
            int length = Math.min(CHUNK, time - start);
            pack(key, b, start, length, keys);
            pack(value, b, start, length, values);
            transpose(query, b, start, length, turnedQueries);
            scores(keys, turnedQueries, length, scores);
            mask(scores, length);
            Tiles.product(values, 0, 4, 4L * width, scores, 0, 4L * lanes, mixed, 0, 4L * lanes, paddedWidth, lanes,
                    length);
            if (rows > 0) {
                Tiles.product(s, 0, 4, 4L * entryLanes, read, 0, 4L * lanes, readOut, 0, 4L * lanes,
                        Tiles.paddedRows(entries), lanes, rows);
                for (int i = 0; i < width; i++) {
                    for (int j = 0; j < width; j++) {
                        addProduct(readOut, 4L * (i * width + j) * lanes, turnedQueries, 4L * i * lanes, mixed,
                                4L * j * lanes,
                                lanes);
                    }
                }
                outer(keys, values, length, added);
                advance(s, added, update, length);
            }
            untranspose(mixed, y, b, start, length);
        }
        scatter(s, nextState, b);
    }

    // S ← λ^c·S + Σ_t λ^(c−1−t)·k_t·v_tᵀ.
    private void advance(MemorySegment s, MemorySegment added, MemorySegment update, int length) {
        Tiles.product(powers, 4L * (length - 1), 4L * powersLength, -4, added, 0, 4L * entryLanes, update, 0,
                4L * entryLanes,
                paddedRows, entryLanes, length);
        for (int n = 0; n < pairs; n++) {
            turn(s, rowAt(n), rowAt(pairs + n), powerAt(n, length), powerAt(pairs + n, length), update, entryLanes);
        }
        for (int m = 2 * pairs; m < rows; m++) {
            decay(s, rowAt(m), powerAt(m, length), update, entryLanes);
        }
    }

    private long rowAt(int row) {
        return 4L * row * entryLanes;
    }

    private float powerAt(int row, int exponent) {
        return powers.get(FLOAT, 4L * ((long) row * powersLength + exponent));
    }

    // s ← (real + i·imaginary)·s + update, for the planes at two offsets.
    private static void turn(MemorySegment s, long realAt, long imaginaryAt, float real, float imaginary,
            MemorySegment update, int n) {
        FloatVector cosine = FloatVector.broadcast(SPECIES, real);
        FloatVector sine = FloatVector.broadcast(SPECIES, imaginary);
        FloatVector minusSine = FloatVector.broadcast(SPECIES, -imaginary);
        for (int e = 0; e < n; e += LENGTH) {
            FloatVector a = fromMemorySegment(SPECIES, s, realAt + 4L * e, ORDER);
            FloatVector b = fromMemorySegment(SPECIES, s, imaginaryAt + 4L * e, ORDER);
            a.fma(cosine, b.fma(minusSine, fromMemorySegment(SPECIES, update, realAt + 4L * e, ORDER)))
                    .intoMemorySegment(s, realAt + 4L * e, ORDER);
            a.fma(sine, b.fma(cosine, fromMemorySegment(SPECIES, update, imaginaryAt + 4L * e, ORDER)))
                    .intoMemorySegment(s, imaginaryAt + 4L * e,
                            ORDER);
        }
    }

    private static void decay(MemorySegment s, long at, float power, MemorySegment update, int n) {
        FloatVector factor = FloatVector.broadcast(SPECIES, power);
        for (int e = 0; e < n; e += LENGTH) {
            fromMemorySegment(SPECIES, s, at + 4L * e, ORDER)
                    .fma(factor, fromMemorySegment(SPECIES, update, at + 4L * e, ORDER))
                    .intoMemorySegment(s, at + 4L * e, ORDER);
        }
    }

    // left[s, t] ← rows_s · turned_t.
    private void scores(MemorySegment rowsOf, MemorySegment turned, int length, MemorySegment left) {
        Tiles.product(rowsOf, 0, 4L * width, 4, turned, 0, 4L * lanes, left, 0, 4L * lanes, Tiles.paddedRows(length),
                lanes,
                width);
    }

    // scores[s, t] ← h_(t−s)·scores[s, t], 0 where t comes before s.
    private void mask(MemorySegment scores, int length) {
        for (int s = 0; s < length; s++) {
            multiply(scores, 4L * s * lanes, taps, 4L * (CHUNK - s), lanes);
        }
    }

    // scores[t, s] ← h_(t−s)·scores[t, s].
    private void maskTurned(MemorySegment scores, int length) {
        for (int t = 0; t < length; t++) {
            multiply(scores, 4L * t * lanes, turnedTaps, 4L * (CHUNK - 1 - t), lanes);
        }
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** dQuery, dKey, dValue and dState of one sequence, and its part of the parameters' sums. */
    void backward(Tensor query, Tensor key, Tensor value, Tensor state, Tensor dy, Tensor dNextState, Tensor dQuery,
            Tensor dKey, Tensor dValue, Tensor dState, ModalSums sums, int b) {
        int time = query.dim(1);
        int chunks = (time + CHUNK - 1) / CHUNK;
        long stateBytes = 4L * paddedRows * entryLanes;
        MemorySegment s = floats(paddedRows * entryLanes);
        MemorySegment kept = floats(Math.toIntExact(chunks * stateBytes / 4));
        MemorySegment update = floats(paddedRows * entryLanes);
        MemorySegment queries = floats(CHUNK * width + LENGTH);
        MemorySegment keys = floats(CHUNK * width + LENGTH);
        MemorySegment values = floats(CHUNK * width + LENGTH);
        MemorySegment outputs = floats(CHUNK * width + LENGTH);
        MemorySegment turnedQueries = floats(width * lanes);
        MemorySegment turnedKeys = floats(width * lanes);
        MemorySegment turnedValues = floats(width * lanes);
        MemorySegment turnedOutputs = floats(width * lanes);
        MemorySegment dQueries = floats(paddedWidth * lanes);
        MemorySegment dKeys = floats(paddedWidth * lanes);
        MemorySegment dValues = floats(paddedWidth * lanes);
        MemorySegment scores = floats(CHUNK * lanes);
        MemorySegment dScores = floats(CHUNK * lanes);
        MemorySegment tapSums = floats(3 * CHUNK).fill((byte) 0);
        MemorySegment natural = floats(CHUNK * entryLanes + LENGTH).fill((byte) 0);
        MemorySegment turned = floats(Tiles.paddedRows(entries) * lanes);
        MemorySegment returned = floats(Tiles.paddedRows(entries) * lanes);
        MemorySegment backPowers = floats(paddedRows * lanes);
        MemorySegment gradient = floats(paddedRows * entryLanes);
        MemorySegment dRead = floats(paddedRows * lanes).fill((byte) 0);
        MemorySegment dBack = floats(paddedRows * lanes).fill((byte) 0);
        MemorySegment tile = floats(Tiles.scratchLength());
        MemorySegment dPowers = scratch.doubleMemory((long) rows * (CHUNK + 1)).fill((byte) 0);

        gather(state, b, s);
        for (int chunk = 0; chunk < chunks; chunk++) {
            int length = Math.min(CHUNK, time - chunk * CHUNK);
            MemorySegment.copy(s, 0, kept, chunk * stateBytes, stateBytes);
            pack(key, b, chunk * CHUNK, length, keys);
            pack(value, b, chunk * CHUNK, length, values);
            outer(keys, values, length, natural);
            if (rows > 0 && chunk < chunks - 1) {
                advance(s, natural, update, length);
            }
        }
        gather(dNextState, b, gradient);
        for (int chunk = chunks - 1; chunk >= 0; chunk--) {
            int start = chunk * CHUNK;
            int length = Math.min(CHUNK, time - start);
            MemorySegment.copy(kept, chunk * stateBytes, s, 0, stateBytes);
            pack(query, b, start, length, queries);
            pack(key, b, start, length, keys);
            pack(value, b, start, length, values);
            pack(dy, b, start, length, outputs);
            transpose(query, b, start, length, turnedQueries);
            transpose(key, b, start, length, turnedKeys);
            transpose(value, b, start, length, turnedValues);
            transpose(dy, b, start, length, turnedOutputs);

            // Within the chunk: key positions in rows, query positions in the lanes, for what is summed over keys …
            scores(keys, turnedQueries, length, scores);
            scores(values, turnedOutputs, length, dScores);
            for (int row = 0; row < length; row++) {
                addProduct(scores, 4L * row * lanes, dScores, 4L * row * lanes, tapSums, 4L * (CHUNK - row), lanes);
            }
            mask(dScores, length);
            Tiles.product(keys, 0, 4, 4L * width, dScores, 0, 4L * lanes, dQueries, 0, 4L * lanes, paddedWidth, lanes,
                    length);
            // … and turned, for what is summed over queries.
            scores(queries, turnedKeys, length, scores);
            scores(outputs, turnedValues, length, dScores);
            maskTurned(scores, length);
            maskTurned(dScores, length);
            Tiles.product(queries, 0, 4, 4L * width, dScores, 0, 4L * lanes, dKeys, 0, 4L * lanes, paddedWidth, lanes,
                    length);
            Tiles.product(outputs, 0, 4, 4L * width, scores, 0, 4L * lanes, dValues, 0, 4L * lanes, paddedWidth, lanes,
                    length);

            if (rows > 0) {
                // What is read from the state before the chunk.
                Tiles.product(s, 0, 4, 4L * entryLanes, read, 0, 4L * lanes, returned, 0, 4L * lanes,
                        Tiles.paddedRows(entries), lanes, rows);
                products(turnedQueries, turnedOutputs, turned);
                for (int i = 0; i < width; i++) {
                    for (int j = 0; j < width; j++) {
                        addProduct(returned, 4L * (i * width + j) * lanes, turnedOutputs, 4L * j * lanes, dQueries,
                                4L * i * lanes, lanes);
                    }
                }
                Tiles.accumulate(s, 0, 4L * entryLanes, 4, turned, 0, 4L * lanes, dRead, 0, 4L * lanes, paddedRows,
                        lanes,
                        entries, tile);
                // What is written into the state after it.
                fillBackPowers(backPowers, length);
                Tiles.product(gradient, 0, 4, 4L * entryLanes, backPowers, 0, 4L * lanes, returned, 0, 4L * lanes,
                        Tiles.paddedRows(entries), lanes, rows);
                products(turnedKeys, turnedValues, turned);
                for (int i = 0; i < width; i++) {
                    for (int j = 0; j < width; j++) {
                        long at = 4L * (i * width + j) * lanes;
                        addProduct(returned, at, turnedValues, 4L * j * lanes, dKeys, 4L * i * lanes, lanes);
                        addProduct(returned, at, turnedKeys, 4L * i * lanes, dValues, 4L * j * lanes, lanes);
                    }
                }
                Tiles.accumulate(gradient, 0, 4L * entryLanes, 4, turned, 0, 4L * lanes, dBack, 0, 4L * lanes,
                        paddedRows, lanes, entries, tile);
                if (length < CHUNK || chunk == 0) {
                    addBack(dBack, length, dPowers);
                }
                decaySums(s, gradient, dPowers, length);
                outer(queries, outputs, length, natural);
                retreat(gradient, natural, update, length);
            }
            untranspose(dQueries, dQuery, b, start, length);
            untranspose(dKeys, dKey, b, start, length);
            untranspose(dValues, dValue, b, start, length);
        }
        scatter(gradient, dState, b);
        settle(tapSums, dRead, dPowers, sums, b);
    }

    // Lane t ← λ^(c−1−t).
    private void fillBackPowers(MemorySegment backPowers, int length) {
        backPowers.fill((byte) 0);
        for (int row = 0; row < rows; row++) {
            for (int t = 0; t < length; t++) {
                backPowers.set(FLOAT, 4L * ((long) row * lanes + t), powerAt(row, length - 1 - t));
            }
        }
    }

    // G ← conj(λ^c)·G + Σ_t C_nt·q_t·dy_tᵀ.
    private void retreat(MemorySegment gradient, MemorySegment natural, MemorySegment update, int length) {
        Tiles.product(read, 0, 4L * lanes, 4, natural, 0, 4L * entryLanes, update, 0, 4L * entryLanes, paddedRows,
                entryLanes,
                length);
        for (int n = 0; n < pairs; n++) {
            turn(gradient, rowAt(n), rowAt(pairs + n), powerAt(n, length), -powerAt(pairs + n, length), update,
                    entryLanes);
        }
        for (int m = 2 * pairs; m < rows; m++) {
            decay(gradient, rowAt(m), powerAt(m, length), update, entryLanes);
        }
    }

    // Lane t of chunks of this length is the power c − 1 − t.
    private void addBack(MemorySegment dBack, int length, MemorySegment dPowers) {
        for (int row = 0; row < rows; row++) {
            for (int t = 0; t < length; t++) {
                addPower(dPowers, row, length - 1 - t, dBack.get(FLOAT, 4L * (row * lanes + t)));
            }
        }
        dBack.fill((byte) 0);
    }

    private static void addPower(MemorySegment dPowers, int row, int exponent, double value) {
        long at = 8L * (row * (CHUNK + 1) + exponent);
        dPowers.set(DOUBLE, at, dPowers.get(DOUBLE, at) + value);
    }

    // The gradient of λ^c, by which the state before the chunk reaches that after it.
    private void decaySums(MemorySegment s, MemorySegment gradient, MemorySegment dPowers, int length) {
        for (int n = 0; n < pairs; n++) {
            long real = rowAt(n);
            long imaginary = rowAt(pairs + n);
            double straight = dot(gradient, real, s, real, entryLanes)
                    + (double) dot(gradient, imaginary, s, imaginary, entryLanes);
            double crossed = dot(gradient, imaginary, s, real, entryLanes)
                    - (double) dot(gradient, real, s, imaginary, entryLanes);
            addPower(dPowers, n, length, straight);
            addPower(dPowers, pairs + n, length, crossed);
        }
        for (int m = 2 * pairs; m < rows; m++) {
            addPower(dPowers, m, length, dot(gradient, rowAt(m), s, rowAt(m), entryLanes));
        }
    }

    // From taps, read-out and powers to pass-through, residues and poles.
    private void settle(MemorySegment tapSums, MemorySegment dRead, MemorySegment dPowers, ModalSums sums, int b) {
        ModalSums.add(sums.passThrough(), (long) b * modes.filters() + f, tapSums.get(FLOAT, 4L * CHUNK));
        int length = Math.min(lanes, CHUNK);
        long base = (long) b * modes.order();
        for (int n = 0; n < pairs; n++) {
            double residueReal = residueReal(n);
            double residueImaginary = residueImaginary(n);
            double dResidueReal = 0;
            double dResidueImaginary = 0;
            double dPoleReal = 0;
            double dPoleImaginary = 0;
            for (int j = 0; j <= CHUNK; j++) {
                double dReal = dPowers.get(DOUBLE, 8L * (n * (CHUNK + 1) + j));
                double dImaginary = dPowers.get(DOUBLE, 8L * ((pairs + n) * (CHUNK + 1) + j));
                if (j < length) {
                    double tap = j + 1 < length ? tapSums.get(FLOAT, 4L * (CHUNK + j + 1)) : 0;
                    double onReal = dRead.get(FLOAT, 4L * (n * lanes + j)) + tap;
                    double onImaginary = -dRead.get(FLOAT, 4L * ((pairs + n) * lanes + j));
                    double real = power(n, j);
                    double imaginary = power(pairs + n, j);
                    dResidueReal += onReal * real + onImaginary * imaginary;
                    dResidueImaginary += onImaginary * real - onReal * imaginary;
                    dReal += onReal * residueReal + onImaginary * residueImaginary;
                    dImaginary += onImaginary * residueReal - onReal * residueImaginary;
                }
                if (j > 0) {
                    double real = power(n, j - 1);
                    double imaginary = power(pairs + n, j - 1);
                    dPoleReal += j * (dReal * real + dImaginary * imaginary);
                    dPoleImaginary += j * (dImaginary * real - dReal * imaginary);
                }
            }
            ModalSums.add(sums.poles(), base + modeOf(n), dPoleReal);
            ModalSums.add(sums.poles(), base + modeOf(pairs + n), dPoleImaginary);
            ModalSums.add(sums.residues(), base + modeOf(n), dResidueReal);
            ModalSums.add(sums.residues(), base + modeOf(pairs + n), dResidueImaginary);
        }
        for (int m = 0; m < reals; m++) {
            int row = 2 * pairs + m;
            double dResidue = 0;
            double dPole = 0;
            for (int j = 0; j <= CHUNK; j++) {
                double dPower = dPowers.get(DOUBLE, 8L * (row * (CHUNK + 1) + j));
                if (j < length) {
                    double tap = j + 1 < length ? tapSums.get(FLOAT, 4L * (CHUNK + j + 1)) : 0;
                    double on = dRead.get(FLOAT, 4L * (row * lanes + j)) + tap;
                    dResidue += on * power(row, j);
                    dPower += on * residue(m);
                }
                if (j > 0) {
                    dPole += j * dPower * power(row, j - 1);
                }
            }
            ModalSums.add(sums.poles(), base + modeOf(row), dPole);
            ModalSums.add(sums.residues(), base + modeOf(row), dResidue);
        }
    }

    // ── layout ──────────────────────────────────────────────────────────────────────────────────────────────────────

    private void gather(Tensor state, int b, MemorySegment s) {
        s.fill((byte) 0);
        for (int row = 0; row < rows; row++) {
            long at = 4 * ((long) b * modes.order() + modeOf(row)) * entries;
            MemorySegment.copy(state.data(), at, s, rowAt(row), 4L * entries);
        }
    }

    private void scatter(MemorySegment s, Tensor state, int b) {
        for (int row = 0; row < rows; row++) {
            long at = 4 * ((long) b * modes.order() + modeOf(row)) * entries;
            MemorySegment.copy(s, rowAt(row), state.data(), at, 4L * entries);
        }
    }

    private long at(Tensor x, int b, int t) {
        return 4 * (((long) b * x.dim(1) + t) * modes.filters() + f) * width;
    }

    // Rows of one head after one another; what tiles read beyond them is 0.
    private void pack(Tensor x, int b, int start, int length, MemorySegment into) {
        MemorySegment data = x.data();
        for (int t = 0; t < length; t++) {
            copy(data, at(x, b, start + t), into, 4L * t * width, width);
        }
        clear(into, 4L * length * width, into.byteSize());
    }

    private static void copy(MemorySegment from, long at, MemorySegment into, long to, int n) {
        int i = 0;
        for (int bound = Lanes.bound(n); i < bound; i += LENGTH) {
            fromMemorySegment(SPECIES, from, at + 4L * i, ORDER).intoMemorySegment(into, to + 4L * i, ORDER);
        }
        for (; i < n; i++) {
            into.set(FLOAT, to + 4L * i, from.get(FLOAT, at + 4L * i));
        }
    }

    private void transpose(Tensor x, int b, int start, int length, MemorySegment into) {
        MemorySegment data = x.data();
        long at = at(x, b, start);
        long stride = 4L * modes.filters() * width;
        for (int i = 0; i < width; i++) {
            long row = 4L * i * lanes;
            for (int t = 0; t < length; t++) {
                into.set(FLOAT, row + 4L * t, data.get(FLOAT, at + t * stride + 4L * i));
            }
            for (int t = length; t < lanes; t++) {
                into.set(FLOAT, row + 4L * t, 0);
            }
        }
    }

    private void untranspose(MemorySegment from, Tensor y, int b, int start, int length) {
        MemorySegment data = y.data();
        long at = at(y, b, start);
        long stride = 4L * modes.filters() * width;
        for (int j = 0; j < width; j++) {
            long row = 4L * j * lanes;
            for (int t = 0; t < length; t++) {
                data.set(FLOAT, at + t * stride + 4L * j, from.get(FLOAT, row + 4L * t));
            }
        }
    }

    // Row t ← left_t·right_tᵀ, entries in the lanes.
    private void outer(MemorySegment left, MemorySegment right, int length, MemorySegment into) {
        for (int t = 0; t < length; t++) {
            long to = 4L * t * entryLanes;
            long from = 4L * t * width;
            for (int i = 0; i < width; i++) {
                outerRow(left.get(FLOAT, from + 4L * i), right, from, into, to + 4L * i * width, width);
            }
            for (int e = entries; e < entryLanes; e++) {
                into.set(FLOAT, to + 4L * e, 0);
            }
        }
    }

    private static void outerRow(float factor, MemorySegment right, long from, MemorySegment into, long to, int width) {
        FloatVector factors = FloatVector.broadcast(SPECIES, factor);
        int whole = Lanes.bound(width);
        for (int j = 0; j < whole; j += LENGTH) {
            fromMemorySegment(SPECIES, right, from + 4L * j, ORDER).mul(factors).intoMemorySegment(into, to + 4L * j,
                    ORDER);
        }
        for (int j = whole; j < width; j++) {
            into.set(FLOAT, to + 4L * j, factor * right.get(FLOAT, from + 4L * j));
        }
    }

    // Row (i,j) ← left_i ⊙ right_j, positions in the lanes.
    private void products(MemorySegment left, MemorySegment right, MemorySegment into) {
        for (int i = 0; i < width; i++) {
            for (int j = 0; j < width; j++) {
                product(left, 4L * i * lanes, right, 4L * j * lanes, into, 4L * (i * width + j) * lanes, lanes);
            }
        }
    }

    private static void product(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment c, long cAt,
            int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER).mul(fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER))
                    .intoMemorySegment(c, cAt + 4L * i, ORDER);
        }
    }

    private static void addProduct(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment c, long cAt,
            int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER).fma(fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER),
                    fromMemorySegment(SPECIES, c, cAt + 4L * i, ORDER)).intoMemorySegment(c, cAt + 4L * i,
                            ORDER);
        }
    }

    private static void multiply(MemorySegment a, long aAt, MemorySegment b, long bAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER).mul(fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER))
                    .intoMemorySegment(a, aAt + 4L * i, ORDER);
        }
    }

    private static float dot(MemorySegment a, long aAt, MemorySegment b, long bAt, int n) {
        FloatVector sum = FloatVector.zero(Lanes.SPECIES);
        for (int i = 0; i < n; i += LENGTH) {
            sum = fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER)
                    .fma(fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER), sum);
        }
        return Lanes.sum(sum);
    }
}
