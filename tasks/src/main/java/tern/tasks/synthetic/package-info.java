/** Tasks whose sequences are drawn from a seed: recall, copying, counting, composing, parsing. */
@org.jspecify.annotations.NullMarked
package tern.tasks.synthetic;
