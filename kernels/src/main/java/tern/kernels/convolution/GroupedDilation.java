package tern.kernels.convolution;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.kernels.elementwise.Elementwise;
import tern.kernels.matmul.Matmul;
import tern.ops.Dilations;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * One layer with groups of channels as products of matrices, one a tap: the rows that a tap meets are neighbours, so that
 * each product reads a stretch of the input and adds to all outputs. F32.
 */
final class GroupedDilation {
    private final Matmul matmul;
    private final ThreadTeam team;
    private final Dilations.Layer layer;
    private final Tensor g;
    private final Tensor ring;
    private final long[] ages;
    private final int time;
    private final int taps;
    private final int before;

    GroupedDilation(Matmul matmul, ThreadTeam team, Dilations.Layer layer, Tensor g, Tensor ring, long[] ages) {
        this.matmul = matmul;
        this.team = team;
        this.layer = layer;
        this.g = g;
        this.ring = ring;
        this.ages = ages;
        this.time = g.dim(1);
        this.taps = ring.dim(1) > 0 ? layer.taps()
                : Math.min(layer.taps(), Math.max(0, time - 1) / layer.dilation() + 1);
        this.before = (taps - 1) * layer.dilation();
    }

    private int groups() {
        return g.dim(2) / layer.groupInputs();
    }

    private int groupOutputs() {
        return layer.outputs() / groups();
    }

    /** c [B,T,O] ← bias + Σ_k W_k·g_(t−kd). */
    void forward(Tensor c) {
        for (int b = 0; b < g.dim(0); b++) {
            for (int group = 0; group < groups(); group++) {
                Workspace.Mark mark = team.scratch().mark();
                Tensor window = window(b, group);
                Tensor out = team.scratch().allocate(DType.F32, Shape.of(time, groupOutputs()));
                for (int t = 0; t < time; t++) {
                    MemorySegment.copy(layer.bias().data(), 4L * group * groupOutputs(), out.data(),
                            4L * t * groupOutputs(), 4L * groupOutputs());
                }
                for (int k = 0; k < taps && time > 0; k++) {
                    matmul.multiply(team, met(window, k), false, weight(layer.weight(), k, group), true, out, 1);
                }
                copy(out, 0, 0, c, (long) b * time, group * groupOutputs(), time);
                team.scratch().release(mark);
            }
        }
    }

    /**
     * {@link #forward} in which each tap's products are made as a linear layer makes them and then added, tap after tap: with
     * linear layers whose rows do not depend on each other, no position depends on which others are in the call.
     */
    void forwardAlone(Tensor c, Elementwise elementwise) {
        for (int b = 0; b < g.dim(0); b++) {
            for (int group = 0; group < groups(); group++) {
                Workspace.Mark mark = team.scratch().mark();
                Tensor window = window(b, group);
                Tensor out = team.scratch().allocate(DType.F32, Shape.of(time, groupOutputs()));
                Tensor part = team.scratch().allocate(DType.F32, Shape.of(time, groupOutputs()));
                Tensor none = team.scratch().allocate(DType.F32, Shape.of(0));
                Tensor bias = layer.bias().slice(group * groupOutputs(), (group + 1) * groupOutputs());
                for (int k = 0; k < taps && time > 0; k++) {
                    Tensor made = k == 0 ? out : part;
                    matmul.linear(team, met(window, k), weight(layer.weight(), k, group), k == 0 ? bias : none, made);
                    if (k > 0) {
                        elementwise.add(team, out, part, out);
                    }
                }
                copy(out, 0, 0, c, (long) b * time, group * groupOutputs(), time);
                team.scratch().release(mark);
            }
        }
    }

    /**
     * dg [B,T,I] ← Σ_k W_kᵀ·dc_(t+kd), the rows before the call to dRing; dWeight and dBias +=.
     *
     * @param dRing written where a row is met, or without rows
     */
    void backward(Tensor dc, Tensor dg, Tensor dRing, Tensor dWeight, Tensor dBias) {
        for (int b = 0; b < g.dim(0); b++) {
            for (int group = 0; group < groups(); group++) {
                Workspace.Mark mark = team.scratch().mark();
                Tensor window = window(b, group);
                Tensor dWindow = team.scratch().allocate(DType.F32, window.shape()).fill(0);
                Tensor slopes = team.scratch().allocate(DType.F32, Shape.of(time, groupOutputs()));
                copy(dc, (long) b * time, group * groupOutputs(), slopes, 0, 0, time);
                for (int k = 0; k < taps && time > 0; k++) {
                    matmul.multiply(team, slopes, false, weight(layer.weight(), k, group), false, met(dWindow, k), 1);
                    matmul.multiply(team, slopes, true, met(window, k), false, weight(dWeight, k, group), 1);
                }
                for (int o = 0; o < groupOutputs(); o++) {
                    double sum = 0;
                    for (int t = 0; t < time; t++) {
                        sum += slopes.data().get(Tensor.FLOAT, 4 * ((long) t * groupOutputs() + o));
                    }
                    long at = (long) group * groupOutputs() + o;
                    dBias.set(at, dBias.get(at) + sum);
                }
                copy(dWindow, before, 0, dg, (long) b * time,
                        group * layer.groupInputs(), time);
                for (int row = 0; row < before && dRing.dim(1) > 0; row++) {
                    copy(dWindow, row, 0, dRing, ringRow(b, row - before),
                            group * layer.groupInputs(), 1);
                }
                team.scratch().release(mark);
            }
        }
    }

    private long ringRow(int b, int t) {
        return (long) b * ring.dim(1) + Math.floorMod(ages[b] + t, ring.dim(1));
    }

    /** A group's channels of the rows before the call and of the call. */
    private Tensor window(int b, int group) {
        int inputs = layer.groupInputs();
        Tensor window = team.scratch().allocate(DType.F32, Shape.of(before + time, inputs));
        for (int row = 0; row < before; row++) {
            if (ring.dim(1) > 0) {
                copyRow(ring, ringRow(b, row - before), group * inputs, window, row, 0, inputs);
            } else {
                window.slice(row, row + 1).fill(0);
            }
        }
        for (int t = 0; t < time; t++) {
            copyRow(g, (long) b * time + t, group * inputs, window, (long) before + t, 0, inputs);
        }
        return window;
    }

    /** The rows that tap k meets. */
    private Tensor met(Tensor window, int k) {
        int from = before - k * layer.dilation();
        return window.slice(from, from + time);
    }

    private Tensor weight(Tensor all, int k, int group) {
        int first = k * layer.outputs() + group * groupOutputs();
        return all.reshape(layer.taps() * layer.outputs(), layer.groupInputs()).slice(first, first + groupOutputs());
    }

    private static void copy(Tensor from, long row, int channel, Tensor into, long toRow, int toChannel, int rows) {
        int channels = Math.min(from.shape().last() - channel, into.shape().last() - toChannel);
        for (int i = 0; i < rows; i++) {
            copyRow(from, row + i, channel, into, toRow + i, toChannel, channels);
        }
    }

    private static void copyRow(Tensor from, long row, int channel, Tensor into, long toRow, int toChannel,
            int channels) {
        MemorySegment.copy(from.data(), 4 * (row * from.shape().last() + channel), into.data(),
                4 * (toRow * into.shape().last() + toChannel), 4L * channels);
    }
}
