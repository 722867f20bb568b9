/**
 * Other people's libraries that the kernels can be measured against, if the user names them: loaded at run time through
 * {@link java.lang.foreign}, never needed. A <em>peer</em> is such a library; a <em>twin</em> is the same work as a case of
 * the bench, in numbers that a peer understands.
 */
package tern.cli.bench.peer;
