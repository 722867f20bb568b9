/** Tasks whose sequences come from files: text, images, series, logs, genomes. Parts of a file never overlap. */
@org.jspecify.annotations.NullMarked
package tern.tasks.data;
