package tern.checkpoint.naming;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.channel.ConstantConfig;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.NormKind;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.Tensor;

/**
 * The small RWKV-7 that reverses digits, from the RWKV-LM repository's folder for version 8: no norm after the embedding, a
 * constant beside each time mixing (a sub-layer whose table is all zero), and a bias after the head, which the last norm's bias
 * takes in.
 */
final class DigitReversal implements Family {
    private static final String TABLE = "rosa{n}.rosa_qkv.emb";
    private static final String SYMBOLS = "0123456789,#";

    @Override
    public String name() {
        return "digit reversal (RWKV-7)";
    }

    @Override
    public Optional<Blueprint> recognise(TensorFile file) throws MalformedFileException {
        Shapes shapes = new Shapes(file);
        if (!shapes.has("rwkv1.r_k") || !shapes.has("e.weight") || !shapes.has("o.bias")) {
            return Optional.empty();
        }
        int layers = 0;
        while (shapes.has("rwkv" + (layers + 1) + ".r_k")) {
            layers++;
            requireZeros(file, TABLE.replace("{n}", Integer.toString(layers)));
        }
        int vocabulary = shapes.length("e.weight", 0);
        int width = shapes.length("e.weight", 1);
        int heads = shapes.length("rwkv1.r_k", 0);
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(new Rwkv7Config(width / heads, shapes.length("rwkv1.w1", 1), shapes.length("rwkv1.a1", 1),
                    shapes.length("rwkv1.v1", 1), shapes.length("rwkv1.g1", 1), layer == 0, 64e-5));
            branches.add(new ConstantConfig());
            branches.add(new RwkvChannelMixConfig(shapes.length("ffn1.key.weight", 0), false));
        }
        StackConfig config = new StackConfig(vocabulary, width, 128, NormKind.LAYER, 1e-5, false, branches);
        NamingTable names = NamingTable.read("rwkv7-reversal", layers, 3, (word, layer) -> layer > 0);
        Map<String, String> tokenizer = vocabulary == SYMBOLS.length()
                ? Map.of("kind", "bytes", "alphabet",
                        HexFormat.of().formatHex(SYMBOLS.getBytes(StandardCharsets.US_ASCII)))
                : Map.of();
        return Optional.of(new Blueprint("RWKV-7 for digit reversal", config, names, 0, tokenizer));
    }

    private static void requireZeros(TensorFile file, String name) throws MalformedFileException {
        if (file.find(name).isEmpty()) {
            return;
        }
        Tensor table = file.tensor(name);
        for (long i = 0; i < table.elements(); i++) {
            if (table.get(i) != 0) {
                throw new MalformedFileException(file.path() + ": \"" + name + "\" holds " + table.get(i) + " at " + i
                        + ", expected zeros: only then is that sub-layer the constant that is known here");
            }
        }
    }
}
