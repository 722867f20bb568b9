package tern.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.text.Tokenizer;

/** Small vocabularies whose right symbols can be counted by hand. */
class HuggingFaceTokenizerTest {
    private static final String UNIGRAM = """
            {"version":"1.0","truncation":{"direction":"Right","max_length":4,"strategy":"LongestFirst","stride":0},
             "padding":null,"added_tokens":[{"id":0,"content":"<unk>","single_word":false,"lstrip":false,"rstrip":false,
             "normalized":false,"special":true},{"id":1,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,
             "normalized":false,"special":true}],
             "normalizer":null,
             "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},
             "post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},
             {"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},
             {"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"</s>":{"id":"</s>","ids":[1],"tokens":["</s>"]}}},
             "decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},
             {"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}]},
             "model":{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0.0],["</s>",0.0],["<0xC3>",-20.0],
             ["<0xA9>",-20.0],["▁the",-2.0],["▁tern",-3.0],["▁",-5.0],["s",-4.0],["a",-4.0],["ter",-6.0],["n",-6.0]]}}
            """;
    private static final String WORD_PIECE = """
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"[UNK]","single_word":false,
             "lstrip":false,"rstrip":false,"normalized":false,"special":true},{"id":1,"content":"[SEP]","single_word":false,
             "lstrip":false,"rstrip":false,"normalized":false,"special":true}],
             "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,
             "lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,
             "decoder":{"type":"WordPiece","prefix":"##","cleanup":false},
             "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
             "vocab":{"[UNK]":0,"[SEP]":1,"the":2,"tern":3,"##s":4,"fly":5,"a":6}}}
            """;

    @TempDir
    private Path folder;

    private Tokenizer open(String json) throws IOException {
        Path file = Files.writeString(folder.resolve("tokenizer.json"), json);
        return Tokenizer.open(file.toString());
    }

    @Test
    void unigram() throws IOException {
        Tokenizer tokenizer = open(UNIGRAM);
        assertThat(tokenizer.name()).isEqualTo("Unigram, 11 symbols");
        assertThat(tokenizer.encode("the terns")).containsExactly(4, 5, 7);
        assertThat(tokenizer.encodeWhole("the terns".getBytes(StandardCharsets.UTF_8))).containsExactly(4, 5, 7, 1);
        assertThat(tokenizer.text(new int[] {4, 5, 7})).isEqualTo("the terns");
        assertThat(new String(tokenizer.symbol(5), StandardCharsets.UTF_8)).isEqualTo(" tern");
        assertThat(tokenizer.symbol(2)).containsExactly(0xC3);
        assertThat(tokenizer.symbol(1)).isEqualTo("</s>".getBytes(StandardCharsets.UTF_8));
        assertThat(tokenizer.encode("é")).containsExactly(6, 2, 3);
        assertThat(tokenizer.text(new int[] {6, 2, 3})).contains("é");
        assertThat(tokenizer.endOfText()).hasValue(1);
        assertThat(tokenizer.id("s".getBytes(StandardCharsets.UTF_8))).hasValue(7);
    }

    /** The file asks for at most four symbols, which is about batches for training, not about reading a text. */
    @Test
    void longTextsAreNotCut() throws IOException {
        Tokenizer tokenizer = open(UNIGRAM);
        assertThat(tokenizer.encode("the tern ".repeat(1000).strip())).hasSize(2000);
    }

    @Test
    void wordPiece() throws IOException {
        Tokenizer tokenizer = open(WORD_PIECE);
        assertThat(tokenizer.encode("The TERNS fly")).containsExactly(2, 3, 4, 5);
        assertThat(tokenizer.text(new int[] {2, 3, 4, 5})).isEqualTo("the terns fly");
        assertThat(new String(tokenizer.symbol(4), StandardCharsets.UTF_8)).isEqualTo("s");
        assertThat(new String(tokenizer.symbol(5), StandardCharsets.UTF_8)).isEqualTo(" fly");
    }

    @Test
    void comesBackFromTheModelsFolder() throws IOException {
        Tokenizer tokenizer = open(UNIGRAM);
        Path model = Files.createDirectory(folder.resolve("model"));
        for (var file : tokenizer.files().entrySet()) {
            Files.write(model.resolve(file.getKey()), file.getValue());
        }
        Tokenizer back = Tokenizer.from(tokenizer.descriptor(), model);
        assertThat(back).isEqualTo(tokenizer);
        assertThat(back.encode("the terns")).containsExactly(4, 5, 7);
        Files.writeString(model.resolve("tokenizer.json"), WORD_PIECE);
        assertThatThrownBy(() -> Tokenizer.from(tokenizer.descriptor(), model)).isInstanceOf(IOException.class)
                .hasMessageContaining("the file was changed or belongs to another model");
    }

    @Test
    void whatIsNoTokenizerIsRefused() {
        assertThatThrownBy(() -> open("{\"model\":{\"type\":\"Unigram\"}}")).isInstanceOf(IOException.class)
                .hasMessageContaining("tokenizer.json: ").hasMessageContaining("no model.vocab");
        assertThatThrownBy(() -> open("{\"model\":{\"type\":\"Magic\",\"vocab\":{\"a\":0}}}"))
                .isInstanceOf(IOException.class).hasMessageContaining("the Hugging Face library refuses it");
        assertThatThrownBy(() -> open("{\"model\":{\"vocab\":{\"a\":0,\"b\":0}}}")).isInstanceOf(IOException.class)
                .hasMessageContaining("both symbol 0");
        assertThatThrownBy(() -> open(WORD_PIECE).encode(new byte[] {'a', (byte) 0xFF}))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("byte 1 of the text");
    }

    /** The library and Tern's own reader agree where both read a file. */
    @Test
    void agreesWithTernsOwnOnByteLevel() throws IOException {
        Path path = Path.of(System.getProperty("tern.shared", "../../shared"), "data/tokenizers/20B_tokenizer.json");
        assumeTrue(Files.exists(path),
                () -> "skipped: " + path + " is absent; it comes with the shared data");
        Tokenizer ours = Tokenizer.open(path.toString());
        Tokenizer theirs = new HuggingFaceReader().read(path.toString(), Files.readAllBytes(path));
        String text = "A tern's longest journey: 90,000 km\n\tfrom pole to pole – naïve? 日本語 🐦   end";
        assertThat(theirs.encode(text)).containsExactly(ours.encode(text));
        assertThat(theirs.text(theirs.encode(text))).isEqualTo(ours.text(ours.encode(text)));
        for (int id = 0; id < ours.vocabulary(); id += 97) {
            assertThat(theirs.symbol(id)).as("symbol %d", id).isEqualTo(ours.symbol(id));
        }
    }
}
