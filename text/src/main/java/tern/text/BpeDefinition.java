package tern.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import tern.text.AddedTokens.AddedToken;

/**
 * All that makes a byte-level byte-pair encoding, whatever file it came from. Filled in by a reader, which is told by an
 * {@link IllegalArgumentException} what does not fit. Confined to one thread.
 */
final class BpeDefinition {
    /** More symbols than any vocabulary has, so that a file cannot ask for any amount of memory. */
    static final int LARGEST_ID = 1 << 22;

    private final Map<String, Integer> ids = new HashMap<>();
    private final List<String> tokens = new ArrayList<>();
    private final Ids left = new Ids(1 << 10);
    private final Ids right = new Ids(1 << 10);
    private final Ids merged = new Ids(1 << 10);
    private final List<AddedToken> added = new ArrayList<>();
    private final Set<String> addedContents = new HashSet<>();
    private Normalisation normalisation = Normalisation.NONE;
    private boolean prefixSpace;
    private List<WordRule> rules = List.of(WordRule.GPT2);
    private boolean wholeWords;
    private int[] before = new int[0];
    private int[] after = new int[0];

    /** A symbol of the vocabulary, written in {@link ByteLetters}. */
    void token(int id, String token) {
        requireFree(id, token);
        if (token.isEmpty()) {
            throw new IllegalArgumentException("symbol " + id + " is empty, expected at least one character");
        }
        Integer other = ids.putIfAbsent(token, id);
        if (other != null) {
            throw new IllegalArgumentException(
                    "symbols " + other + " and " + id + " are both " + Shown.text(token) + ", expected different ones");
        }
        while (tokens.size() <= id) {
            tokens.add("");
        }
        tokens.set(id, token);
    }

    private void requireFree(int id, String token) {
        if (id < 0 || id > LARGEST_ID) {
            throw new IllegalArgumentException("symbol " + Shown.text(token) + " has id " + id + ", expected 0 to "
                    + LARGEST_ID);
        }
        if (id < tokens.size() && !tokens.get(id).isEmpty() && !tokens.get(id).equals(token)) {
            throw new IllegalArgumentException("id " + id + " is " + Shown.text(tokens.get(id)) + " and "
                    + Shown.text(token) + ", expected one symbol an id");
        }
    }

    /** The next merge: two symbols with a space between. */
    void merge(String pair) {
        int space = pair.indexOf(' ');
        if (space < 0 || pair.indexOf(' ', space + 1) >= 0) {
            throw new IllegalArgumentException("expected two symbols with a space between, found " + Shown.text(pair));
        }
        merge(pair.substring(0, space), pair.substring(space + 1));
    }

    /** The next merge. */
    void merge(String first, String second) {
        left.add(known(first));
        right.add(known(second));
        merged.add(known(first + second));
    }

    private int known(String token) {
        Integer id = ids.get(token);
        if (id == null) {
            throw new IllegalArgumentException("expected a merge of symbols of the vocabulary into one, found "
                    + Shown.text(token) + ", which is not in it");
        }
        return id;
    }

    /** A token that is cut out of the text first. */
    void added(AddedToken token) {
        if (token.content().isEmpty()) {
            throw new IllegalArgumentException(
                    "added token " + token.id() + " is empty, expected at least one character");
        }
        requireFree(token.id(), token.content());
        if (!addedContents.add(token.content())) {
            throw new IllegalArgumentException("the added token " + Shown.text(token.content()) + " stands twice");
        }
        added.add(token);
    }

    void normalisation(Normalisation forms) {
        this.normalisation = forms;
    }

    /** Puts a space before a text that does not begin with one. */
    void prefixSpace(boolean prefix) {
        this.prefixSpace = prefix;
    }

    void rules(List<WordRule> oneAfterTheOther) {
        this.rules = List.copyOf(oneAfterTheOther);
    }

    /** Takes a word that is a symbol as it is, without merging. */
    void wholeWords(boolean whole) {
        this.wholeWords = whole;
    }

    /** Symbols around a whole text. */
    void around(int[] ahead, int[] behind) {
        this.before = ahead.clone();
        this.after = behind.clone();
    }

    /** The id of a token of the vocabulary or an added one, or −1. */
    int id(String token) {
        for (AddedToken one : added) {
            if (one.content().equals(token)) {
                return one.id();
            }
        }
        return ids.getOrDefault(token, -1);
    }

    /** One more than the largest id. */
    int size() {
        return Math.max(tokens.size(), added.stream().mapToInt(AddedToken::id).max().orElse(-1) + 1);
    }

    /** The token of an id, written in letters; empty for none and for added ones. */
    String token(int id) {
        return id < tokens.size() ? tokens.get(id) : "";
    }

    /** Checks what can only be seen at the end. */
    void requireComplete() {
        for (int value = 0; value < 256; value++) {
            // these never occur in UTF-8
            boolean needed = value < 0xF5 && value != 0xC0 && value != 0xC1;
            if (needed && !ids.containsKey(ByteLetters.letter(value))) {
                throw new IllegalArgumentException(("the vocabulary has no symbol for the byte 0x%02X (written %s),"
                        + " expected one for every byte: this is not a byte-level vocabulary, or it is damaged")
                        .formatted(value, ByteLetters.letter(value)));
            }
        }
        for (int id : before) {
            requireKnown(id);
        }
        for (int id : after) {
            requireKnown(id);
        }
    }

    private void requireKnown(int id) {
        if (id < 0 || id >= size()) {
            throw new IllegalArgumentException("symbol " + id + " is put around a text, expected 0 to " + (size() - 1));
        }
    }

    Merges merges() {
        int[] byteIds = new int[256];
        Arrays.setAll(byteIds, value -> ids.getOrDefault(ByteLetters.letter(value), -1));
        return new Merges(byteIds, left.toArray(), right.toArray(), merged.toArray());
    }

    /** Merges in order, as files write them. */
    List<String> mergeLines() {
        int[] first = left.toArray();
        int[] second = right.toArray();
        List<String> lines = new ArrayList<>(first.length);
        for (int i = 0; i < first.length; i++) {
            lines.add(tokens.get(first[i]) + " " + tokens.get(second[i]));
        }
        return lines;
    }

    List<AddedToken> added() {
        return List.copyOf(added);
    }

    Normalisation normalisation() {
        return normalisation;
    }

    boolean prefixSpace() {
        return prefixSpace;
    }

    List<WordRule> rules() {
        return rules;
    }

    boolean wholeWords() {
        return wholeWords;
    }

    int[] before() {
        return before.clone();
    }

    int[] after() {
        return after.clone();
    }
}
