/** Text to tokens and back. */
module tern.text {
    requires static org.jspecify;
}
