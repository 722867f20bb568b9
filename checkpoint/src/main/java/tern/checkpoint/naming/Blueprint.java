package tern.checkpoint.naming;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import tern.model.StackConfig;

/**
 * What a published file was found to hold. Immutable.
 *
 * @param family the model in a few words, such as "RWKV-6, naming of llama.cpp"
 * @param config the architecture, inferred from names and shapes
 * @param names how parameters are stored
 * @param rescaleEvery after so many layers matrices were stored divided by two once more; 0 for never
 * @param tokenizer what a tokenizer calls its descriptor; empty if the file does not tell
 */
public record Blueprint(String family, StackConfig config, NamingTable names, int rescaleEvery,
        Map<String, String> tokenizer) {
    /** Keeps the map from changing. */
    public Blueprint {
        tokenizer = Collections.unmodifiableMap(new LinkedHashMap<>(tokenizer));
    }
}
