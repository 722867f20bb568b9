package tern.checkpoint.naming;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;

/** All families whose published checkpoints can be opened. */
public final class Families {
    private static final List<Family> ALL = List.of(new RwkvFamily(), new RwkvAttentionFamily(), new GoldFinchFamily(),
            new MambaFamily(),
            new Mamba2Family(), new GriffinFamily(), new XlstmFamily(), new StripedHyenaFamily(), new LfmFamily(),
            new QwenHybridFamily(), new FlashFamily(), new NemotronFamily(), new FalconHybridFamily(),
            new GraniteFamily(),
            new JambaFamily(), new LlamaHybridFamily(), new DigitReversal());
    private static final int NAMED = 8;

    private Families() {
    }

    /**
     * What a file holds.
     *
     * @throws MalformedFileException if it is of no known family, saying what is in it; or if it contradicts itself
     */
    public static Blueprint recognise(TensorFile file) throws MalformedFileException {
        List<Blueprint> found = new ArrayList<>();
        for (Family family : ALL) {
            Optional<Blueprint> blueprint = family.recognise(file);
            blueprint.ifPresent(found::add);
        }
        if (found.isEmpty()) {
            List<String> patterns = new Shapes(file).patterns();
            throw new MalformedFileException(file.path() + ": " + file.format()
                    + ", which does not say what model it holds (no tern.config in its metadata, no config.json of Tern's"
                    + " beside it) and whose tensors belong to no family that is known ("
                    + String.join(", ", ALL.stream().map(Family::name).toList()) + "); it holds "
                    + file.tensors().size()
                    + " tensors: " + String.join(", ", patterns.subList(0, Math.min(NAMED, patterns.size())))
                    + (patterns.size() > NAMED ? ", …" : ""));
        }
        Told.requireAgreement(file, found.getFirst().config());
        return found.getFirst();
    }
}
