/**
 * Naming tables: what a family's authors call the parameters of a stack, and how they store them.
 *
 * <p>Glossary. <em>Ours</em>: a parameter's name in a {@link tern.model.Stack}; <em>theirs</em>: the name of a stored tensor. A
 * <em>transform</em> makes ours of theirs: {@code flatten} drops axes of length 1, {@code transpose} turns a matrix that is stored
 * [in,out], {@code part-N} takes entry N of the outermost axis.
 */
@NullMarked
package tern.checkpoint.names;

import org.jspecify.annotations.NullMarked;
