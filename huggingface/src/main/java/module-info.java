/** Any tokenizer.json, by the Hugging Face library. */
module tern.huggingface {
    requires transitive tern.text;
    requires ai.djl.tokenizers;
    requires ai.djl.api;
    // What the library needs and, having no descriptor, does not ask for.
    requires com.google.gson;
    requires org.slf4j;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports tern.huggingface;

    provides tern.text.TokenizerReader with tern.huggingface.HuggingFaceReader;
}
