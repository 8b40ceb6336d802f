/* Durations and sizes as people write them. Durations follow Go's time.ParseDuration and Duration.String. */
#include "codec.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    {"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000},          {"\xce\xbcs", 1000},
    {"ms", 1000000}, {"s", 1000000000}, {"m", UINT64_C(60000000000)}, {"h", UINT64_C(3600000000000)},
};

static bool unit_find(const char *name, size_t size, uint64_t *ns) {
    for (size_t i = 0; i < CO_COUNT(units); i++) {
        if (strlen(units[i].name) != size || memcmp(units[i].name, name, size) != 0) continue;
        *ns = units[i].ns;
        return true;
    }
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool co_duration_parse(const char *text, int64_t *ns) {
    bool is_negative = *text == '-';
    if (*text == '-' || *text == '+') text++;
    if (strcmp(text, "0") == 0) return *ns = 0, true;
    if (*text == '\0') return false;
    uint64_t sum = 0;
    while (*text) {
        uint64_t whole = 0, unit;
        double fraction = 0, scale = 1;
        bool has_digits = false;
        for (; is_digit(*text); text++, has_digits = true)
            if (__builtin_mul_overflow(whole, 10, &whole) ||
                __builtin_add_overflow(whole, (unsigned)(*text - '0'), &whole))
                return false;
        if (*text == '.') {
            text++;
            for (; is_digit(*text); text++, has_digits = true)
                if (scale < 1e17) fraction = fraction * 10 + (*text - '0'), scale *= 10;
        }
        size_t name = 0;
        while (text[name] && text[name] != '.' && !is_digit(text[name])) name++;
        if (!has_digits || !unit_find(text, name, &unit)) return false;
        text += name;
        uint64_t part;
        if (__builtin_mul_overflow(whole, unit, &part)) return false;
        if (fraction > 0 && __builtin_add_overflow(part, (uint64_t)(fraction * ((double)unit / scale)), &part))
            return false;
        if (__builtin_add_overflow(sum, part, &sum) || sum > UINT64_C(1) << 63) return false;
    }
    if (!is_negative && sum > INT64_MAX) return false;
    *ns = is_negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

/* "1.5", without zeros at the end. */
static int fraction_format(char *out, size_t size, uint64_t value, uint64_t unit) {
    int used = snprintf(out, size, "%llu", (unsigned long long)(value / unit));
    uint64_t rest = value % unit;
    if (rest == 0) return used;
    out[used++] = '.';
    for (unit /= 10; rest; rest %= unit, unit /= 10) {
        out[used++] = (char)('0' + rest / unit);
        if (unit == 1) break;
    }
    return used;
}

void co_duration_format(int64_t ns, char out[32]) {
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    int used = 0;
    if (ns < 0) out[used++] = '-';
    if (left < 1000000000) {
        if (left == 0) {
            memcpy(out, "0s", 3);
            return;
        }
        uint64_t unit = left < 1000 ? 1 : left < 1000000 ? 1000 : 1000000;
        used += fraction_format(out + used, 32 - (size_t)used, left, unit);
        memcpy(out + used, unit == 1 ? "ns" : unit == 1000 ? "\xc2\xb5s" : "ms", unit == 1000 ? 4 : 3);
        return;
    }
    uint64_t hours = left / UINT64_C(3600000000000), minutes = left / UINT64_C(60000000000) % 60;
    if (hours) used += snprintf(out + used, 32 - (size_t)used, "%lluh", (unsigned long long)hours);
    if (hours || minutes) used += snprintf(out + used, 32 - (size_t)used, "%llum", (unsigned long long)minutes);
    used += fraction_format(out + used, 32 - (size_t)used, left % UINT64_C(60000000000), 1000000000);
    memcpy(out + used, "s", 2);
}

/* KiB, MiB, GiB, TiB and the bare letters count in 1024, KB, MB, GB, TB in 1000. Case does not matter. */
bool co_size_parse(const char *text, uint64_t *bytes) {
    static const char letters[] = "kmgt";
    uint64_t value = 0, factor = 1;
    if (!is_digit(*text)) return false;
    for (; is_digit(*text); text++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
            return false;
    if (*text == ' ' && text[1]) text++; /* "4 GiB" */
    const char *letter = *text ? strchr(letters, *text | 0x20) : NULL;
    if (letter) {
        text++;
        bool is_decimal = (*text | 0x20) == 'b';
        for (const char *at = letters; at <= letter; at++) factor *= is_decimal ? 1000 : 1024;
        if ((*text | 0x20) == 'i') {
            text++;
            if ((*text | 0x20) != 'b') return false;
        }
    }
    if ((*text | 0x20) == 'b') text++;
    if (*text) return false;
    return !__builtin_mul_overflow(value, factor, bytes);
}
