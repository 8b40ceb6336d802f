/* HCL's strings, heredocs and numbers. Evaluates nothing: ${...} is kept as written. */
#include "tree_hcl.h"

#include "codec.h"

co_status hcl_expected(struct scan *scan, const char *what) {
    char here[24];
    return scan_fail(scan, scan->at, "expected %s, not %s", what, scan_here(scan, here));
}

/* --- strings --- */

/* \uXXXX, \UXXXXXXXX, \xXX. Two \u may form a surrogate pair. */
static co_status code_parse(struct scan *scan, unsigned digits) {
    const char *at = scan->at - 2;
    uint32_t code, low;
    char utf8[4];
    if (!scan_hex(scan, digits, &code)) return scan_fail(scan, at, "the escape wants %u hexadecimal digits", digits);
    if (digits == 4 && code >= 0xd800 && code < 0xdc00 && hcl_next_are(scan, "\\u")) {
        scan->at += 2;
        if (!scan_hex(scan, 4, &low) || low < 0xdc00 || low > 0xdfff)
            return scan_fail(scan, at, "half of a surrogate pair; write both halves");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code == 0) return scan_fail(scan, at, "strings must not contain the byte 0");
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return scan_fail(scan, at, "there is no such character");
    if (digits == 2 && code > 0x7f) return scan_fail(scan, at, "not ASCII; write \\u%04x", code);
    co_buffer_add(&scan->text, utf8, codec_utf8_put(utf8, code));
    return CO_OK;
}

static co_status octal_parse(struct scan *scan) {
    unsigned code = 0;
    const char *at = scan->at - 1;
    for (int i = 0; i < 3; i++, scan->at++) {
        if (scan->at == scan->end || *scan->at < '0' || *scan->at > '7')
            return scan_fail(scan, at, "the escape wants three octal digits");
        code = code * 8 + (unsigned)(*scan->at - '0');
    }
    if (code == 0 || code > 0x7f)
        return scan_fail(scan, at, "octal escapes are for ASCII; write \\u%04x", code ? code : 0x20);
    co_buffer_add_byte(&scan->text, (uint8_t)code);
    return CO_OK;
}

static co_status escape_parse(struct scan *scan) {
    static const char names[] = "\"\\/abfnrtv", values[] = "\"\\/\a\b\f\n\r\t\v";
    const char *at = scan->at++;
    char c = scan->at < scan->end ? *scan->at : '\0';
    if (c >= '0' && c <= '7') return octal_parse(scan);
    const char *name = c ? strchr(names, c) : NULL;
    if (!name && c != 'u' && c != 'U' && c != 'x')
        return scan_fail(scan, at, "unknown escape; a backslash is written \\\\");
    scan->at++;
    if (!name) return code_parse(scan, c == 'u' ? 4 : c == 'U' ? 8 : 2);
    co_buffer_add_byte(&scan->text, (uint8_t)values[name - names]);
    return CO_OK;
}

/* "${" up to its "}", as it stands; quotes and line ends inside do not end the string. */
static co_status interpolation_copy(struct scan *scan) {
    const char *open = scan->at;
    unsigned braces = 0;
    for (; scan->at < scan->end; scan->at++) {
        if (*scan->at == '\0') return scan_fail(scan, scan->at, "strings must not contain the byte 0");
        if (*scan->at == '{') braces++;
        if (*scan->at == '}' && --braces == 0) break;
    }
    if (scan->at == scan->end) return scan_fail(scan, open, "\"${\" is not closed; add }");
    scan->at++;
    co_buffer_add(&scan->text, open, (size_t)(scan->at - open));
    return CO_OK;
}

static bool is_plain(struct scan *scan) {
    char c = *scan->at;
    return c != '"' && c != '\\' && c != '\n' && c != '\0' && !hcl_next_are(scan, "${");
}

co_status hcl_string(struct scan *scan, struct co_bytes *out) {
    const char *open = scan->at++;
    co_status status = CO_OK;
    scan->text.size = 0;
    while (!status) {
        const char *run = scan->at;
        while (scan->at < scan->end && is_plain(scan)) scan->at++;
        co_buffer_add(&scan->text, run, (size_t)(scan->at - run));
        if (scan->at == scan->end || *scan->at == '\n')
            return scan_fail(scan, open, "the string is not closed on its line; add \" or use <<EOF for several lines");
        if (*scan->at == '"') break;
        if (*scan->at == '\\')
            status = escape_parse(scan);
        else if (*scan->at == '$')
            status = interpolation_copy(scan);
        else
            return scan_fail(scan, scan->at, "strings must not contain the byte 0");
    }
    if (status) return status;
    scan->at++;
    *out = scan_take(scan);
    return CO_OK;
}

/* --- heredocs --- */

static size_t indent_of(const char *line, const char *end) {
    size_t size = 0;
    while (line + size < end && (line[size] == ' ' || line[size] == '\t')) size++;
    return size;
}

static const char *line_end(const char *line, const char *end) {
    const char *found = memchr(line, '\n', (size_t)(end - line));
    return found ? found : end;
}

static bool is_marker(const char *line, const char *end, const char *marker, size_t size) {
    line += indent_of(line, end);
    while (end > line && end[-1] == '\r') end--;
    return (size_t)(end - line) == size && memcmp(line, marker, size) == 0;
}

/* <<- takes away the closing marker's indent, if every line has it. Empty lines have any indent. */
static size_t common_indent(const char *text, const char *marker_line, const char *end_of_file) {
    size_t indent = indent_of(marker_line, end_of_file);
    const char *end = marker_line;
    for (const char *line = text; line < end; line = line_end(line, end) + 1) {
        bool is_empty = *line == '\n' || *line == '\r';
        if (!is_empty && ((size_t)(end - line) < indent || memcmp(line, marker_line, indent) != 0)) return 0;
    }
    return indent;
}

co_status hcl_heredoc(struct scan *scan, struct co_bytes *out) {
    const char *open = scan->at;
    scan->at += 2;
    bool is_indented = hcl_next_is(scan, '-');
    if (is_indented) scan->at++;
    const char *marker = scan->at;
    while (scan->at < scan->end && (hcl_is_letter(*scan->at) || hcl_is_digit(*scan->at))) scan->at++;
    size_t size = (size_t)(scan->at - marker);
    if (size == 0) return hcl_expected(scan, "a marker such as EOF behind <<");
    if (hcl_next_is(scan, '\r')) scan->at++;
    if (!hcl_next_is(scan, '\n')) return hcl_expected(scan, "the end of the line behind the marker");
    const char *text = ++scan->at, *line = text;
    while (line < scan->end && !is_marker(line, line_end(line, scan->end), marker, size))
        line = line_end(line, scan->end) + 1;
    if (line >= scan->end)
        return scan_fail(scan, open, "no line ends the text; add a line with %.*s alone", size > 40 ? 40 : (int)size,
                         marker);
    if (memchr(text, 0, (size_t)(line - text))) return scan_fail(scan, open, "strings must not contain the byte 0");
    scan->at = line_end(line, scan->end);
    scan->text.size = 0;
    size_t indent = is_indented ? common_indent(text, line, scan->end) : 0;
    for (const char *at = text; at < line; at = line_end(at, line) + 1) {
        const char *end = line_end(at, line);
        if (*at != '\n' && *at != '\r') at += indent;
        co_buffer_add(&scan->text, at, (size_t)(end - at));
        co_buffer_add_byte(&scan->text, '\n');
    }
    *out = scan_take(scan);
    return CO_OK;
}

/* --- numbers --- */

static bool digits_only(const char *at, const char *end, unsigned base) {
    if (at == end) return false;
    for (; at < end; at++) {
        char low = *at | 0x20;
        bool is_good =
            base == 16 ? hcl_is_digit(*at) || (low >= 'a' && low <= 'f') : *at >= '0' && *at < (char)('0' + base);
        if (!is_good) return false;
    }
    return true;
}

/* digits [. digits] [e [+-] digits], with digits on at least one side of the point. */
static bool is_decimal(const char *at, const char *end) {
    size_t digits = 0;
    for (; at < end && hcl_is_digit(*at); at++) digits++;
    if (at < end && *at == '.')
        for (at++; at < end && hcl_is_digit(*at); at++) digits++;
    if (digits == 0) return false;
    if (at == end) return true;
    if ((*at++ | 0x20) != 'e') return false;
    if (at < end && (*at == '+' || *at == '-')) at++;
    return digits_only(at, end, 10);
}

co_status hcl_number(struct scan *scan, struct co_node *node) {
    const char *open = scan->at;
    bool is_negative = hcl_next_is(scan, '-');
    if (is_negative) scan->at++;
    const char *at = scan->at;
    while (scan->at < scan->end && (hcl_is_word(*scan->at) || (*scan->at == '+' && (scan->at[-1] | 0x20) == 'e')))
        scan->at++;
    const char *end = scan->at;
    unsigned base = 10;
    if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
        at += 2, base = 16;
    else if (end - at > 1 && at[0] == '0' && digits_only(at, end, 10))
        at += 1, base = 8;
    bool is_good = base == 10 ? is_decimal(at, end) : digits_only(at, end, base);
    if (!is_good) {
        int size = end - open > 40 ? 40 : (int)(end - open);
        return scan_fail(scan, open, "%.*s is not a number; strings are written in quotes", size, open);
    }
    return scan_number(scan, at, end, is_negative, base, node);
}
