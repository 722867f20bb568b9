package tern.tasks.data;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A table of measurements with commas, read row by row: the first line names the columns, the first column, of dates or the like, is
 * not read. Confined to one thread.
 */
public final class TableReader implements AutoCloseable {
    private final String file;
    private final BufferedReader lines;
    private final int cells;
    private final List<String> names;
    private int line = 1;

    /**
     * Reads the names.
     *
     * @param file what the table is called in messages
     * @param lines its text, closed with this
     * @throws IOException if there are no names with commas between
     */
    public TableReader(String file, BufferedReader lines) throws IOException {
        this.file = file;
        this.lines = lines;
        String first = Optional.ofNullable(lines.readLine()).orElse("");
        List<String> all = Arrays.asList(first.split(",", -1));
        this.cells = all.size();
        if (cells < 2) {
            throw new IOException(
                    file + ": is not a table with commas: "
                            + DataFiles.beginning(first.getBytes(StandardCharsets.UTF_8))
                            + ", expected names of columns such as date,HUFL,OT");
        }
        this.names = List.copyOf(all.subList(1, cells));
    }

    /** A table in memory. */
    static TableReader of(String file, byte... bytes) throws IOException {
        return new TableReader(file,
                new BufferedReader(new InputStreamReader(new ByteArrayInputStream(bytes), StandardCharsets.UTF_8)));
    }

    /** Names of the columns that are read. */
    public List<String> names() {
        return names;
    }

    /**
     * The next row, one number a column; none at the end.
     *
     * @throws IOException if it has more or fewer cells than names, or one is not a finite number; names the row and column, from 1
     */
    public Optional<double[]> next() throws IOException {
        line++;
        String text = lines.readLine();
        if (text == null || text.isEmpty() && isEnd()) {
            return Optional.empty();
        }
        String[] found = text.split(",", -1);
        if (found.length != cells) {
            throw new IOException(file + ": row " + line + " has " + found.length + " columns, expected " + cells
                    + " as in row 1");
        }
        double[] row = new double[cells - 1];
        for (int column = 1; column < cells; column++) {
            row[column - 1] = number(found[column], column);
        }
        return Optional.of(row);
    }

    /** Whether nothing but empty lines follows. */
    private boolean isEnd() throws IOException {
        String text = lines.readLine();
        while (text != null && text.isEmpty()) {
            text = lines.readLine();
        }
        return text == null;
    }

    private double number(String cell, int column) throws IOException {
        double number;
        try {
            number = Double.parseDouble(cell);
        } catch (NumberFormatException bad) {
            throw new IOException(file + ": row " + line + ", column " + (column + 1) + " holds \"" + cell
                    + "\", expected a number", bad);
        }
        if (!Double.isFinite(number)) {
            throw new IOException(
                    file + ": row " + line + ", column " + (column + 1) + " holds " + cell
                            + ", expected a finite number");
        }
        return number;
    }

    /** All rows that are left. */
    public double[][] rest() throws IOException {
        List<double[]> rows = new ArrayList<>();
        for (Optional<double[]> row = next(); row.isPresent(); row = next()) {
            rows.add(row.get());
        }
        return rows.toArray(double[][]::new);
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }
}
