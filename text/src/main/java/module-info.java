/** Text to tokens and back. */
module tern.text {
    requires jdk.management;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports tern.text;

    uses tern.text.TokenizerReader;
}
