/**
 * Checkpoints that others have published, under our names.
 *
 * <p>A {@link tern.checkpoint.naming.Family} recognises a file by the names and shapes in it, infers the architecture, and
 * names a table of three columns: our parameter, the stored tensor, and what makes one of the other. The tables are
 * resources ({@code rwkv6-gguf.names} …), read by {@link tern.checkpoint.naming.NamingTable}. Every parameter and every stored
 * tensor stands in its table exactly once, parts of a tensor counted together; what a file has beyond that, or lacks, is
 * named when it is opened.
 *
 * <p>Adding a family: a table for each naming, a {@code Family} that infers the configuration, a line in
 * {@link tern.checkpoint.naming.Families}.
 */
@NullMarked
package tern.checkpoint.naming;

import org.jspecify.annotations.NullMarked;
