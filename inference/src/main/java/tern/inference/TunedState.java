package tern.inference;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.mixers.rwkv.TunedHeads;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * States that RWKV's authors publish apart from models: what the heads of RWKV-5, 6 or 7 remember before the first token, trained
 * for a task while all weights stand still ("state tuning"). A file of any format holds {@code blocks.N.att.time_state}
 * [H,V,K] for each layer, value axis before key axis, and nothing else; token shifts begin at zero.
 */
final class TunedState {
    private static final Pattern NAME = Pattern.compile("(?:.+\\.)?blocks\\.([0-9]{1,6})\\.att\\.time_state");

    private TunedState() {
    }

    /** Whether a file holds such a state; false too for one that cannot be read or is not of a known format. */
    static boolean is(Path path) {
        try (TensorFile file = TensorFile.open(path)) {
            return !file.tensors().isEmpty()
                    && file.tensors().stream().allMatch(tensor -> NAME.matcher(tensor.name()).matches());
        } catch (IOException other) {
            return false;
        }
    }

    /**
     * The state of a sequence that has read nothing and begins with this.
     *
     * @throws MalformedFileException if the model has other layers or heads
     * @throws IOException if the file cannot be read
     */
    static Snapshot load(Path path, LanguageModel model) throws IOException {
        try (TensorFile file = TensorFile.open(path); LiveSequence fresh = model.sequence()) {
            Map<Integer, StoredTensor> layers = layers(path, file);
            List<StateLayout> branches = model.network().stateLayouts();
            Snapshot made = fresh.snapshotWithoutLogits();
            boolean whole = false;
            try {
                int layer = 0;
                for (int branch = 0; branch < branches.size(); branch++) {
                    OptionalInt heads = TunedHeads.slot(branches.get(branch));
                    if (heads.isPresent()) {
                        put(path, file, layers.remove(layer), layer, made.slot(branch, heads.getAsInt()));
                        layer++;
                    }
                }
                if (layer == 0 || !layers.isEmpty()) {
                    throw new MalformedFileException(path + ": the tuned state has " + (layer + layers.size())
                            + " layers of RWKV's heads, the model has " + layer + "; it belongs to another model");
                }
                whole = true;
                return made;
            } finally {
                if (!whole) {
                    made.close();
                }
            }
        }
    }

    private static Map<Integer, StoredTensor> layers(Path path, TensorFile file) throws MalformedFileException {
        Map<Integer, StoredTensor> layers = new TreeMap<>();
        for (StoredTensor tensor : file.tensors()) {
            Matcher name = NAME.matcher(tensor.name());
            if (!name.matches() || layers.put(Integer.parseInt(name.group(1)), tensor) != null) {
                throw new MalformedFileException(path + ": tensor " + tensor.name()
                        + " is not expected in a tuned state; expected one blocks.N.att.time_state a layer");
            }
        }
        return layers;
    }

    /** @param into [1,H,K,V] */
    private static void put(Path path, TensorFile file, @Nullable StoredTensor stored, int layer,
            Tensor into) throws MalformedFileException {
        int heads = into.dim(1);
        int width = into.dim(2);
        List<Long> expected = List.of((long) heads, (long) width, (long) width);
        if (stored == null || !stored.shape().equals(expected)) {
            throw new MalformedFileException(path + ": the tuned state of layer " + layer + " should be " + expected
                    + " for this model, found " + (stored == null ? "none" : stored.shape())
                    + "; it belongs to another model");
        }
        float[] values = new float[width];
        Tensor from = file.tensor(stored.name());
        for (int head = 0; head < heads; head++) {
            for (int value = 0; value < width; value++) {
                from.read(((long) head * width + value) * width, values, 0, width);
                for (int key = 0; key < width; key++) {
                    into.set(((long) head * width + key) * width + value, values[key]);
                }
            }
        }
    }
}
