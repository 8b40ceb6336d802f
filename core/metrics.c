/* Counters, gauges and samples, aggregated over intervals of 10 s as go-metrics' in-memory sink does. The answer at
 * /v1/agent/metrics is the last complete interval. Series live as long as the agent; their number is set by the code, not by
 * peers. */
#include "core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { INTERVAL_MS = 10000 };

struct window {
    uint64_t count;
    double sum, sum_squares, min, max;
};

struct co_metric {
    struct co_metric *next;
    struct co_metrics *owner;
    enum co_metric_kind kind;
    char *name, *labels;
    double gauge;
    bool has_gauge;
    double total;         /* counters since start, for Prometheus */
    uint64_t total_count; /* samples since start */
    struct window open, closed;
};

struct co_metrics {
    struct co_metric *all, **tail;
    struct co_loop *loop;
    struct co_timer turn;
    char *prefix, *gauge_prefix; /* Consul's dashboards know the host's name in gauges only */
    int64_t closed_at_ns;        /* start of the interval in `closed` */
    int64_t opened_at_ns;
};

static void turn_over(void *arg) {
    struct co_metrics *metrics = arg;
    for (struct co_metric *metric = metrics->all; metric; metric = metric->next) {
        metric->closed = metric->open;
        metric->open = (struct window){0};
    }
    metrics->closed_at_ns = metrics->opened_at_ns;
    metrics->opened_at_ns = co_wall_ns();
    co_timer_start(metrics->loop, &metrics->turn, INTERVAL_MS, turn_over, metrics);
}

struct co_metrics *co_metrics_new(struct co_loop *loop, const char *prefix, const char *hostname) {
    struct co_metrics *metrics = co_calloc(1, sizeof *metrics);
    metrics->tail = &metrics->all;
    metrics->loop = loop;
    metrics->prefix = co_strdup(prefix);
    struct co_buffer full = {0};
    co_buffer_add_text(&full, prefix);
    if (hostname) co_buffer_printf(&full, ".%s", hostname);
    metrics->gauge_prefix = co_buffer_take(&full);
    metrics->opened_at_ns = metrics->closed_at_ns = co_wall_ns();
    co_timer_start(loop, &metrics->turn, INTERVAL_MS, turn_over, metrics);
    return metrics;
}

void co_metrics_free(struct co_metrics *metrics) {
    if (!metrics) return;
    co_timer_stop(&metrics->turn);
    while (metrics->all) {
        struct co_metric *metric = metrics->all;
        metrics->all = metric->next;
        free(metric->name);
        free(metric->labels);
        free(metric);
    }
    free(metrics->prefix);
    free(metrics->gauge_prefix);
    free(metrics);
}

struct co_metric *co_metric(struct co_ctx *ctx, enum co_metric_kind kind, const char *name, const char *labels) {
    struct co_metrics *metrics = ctx->agent->metrics;
    if (!labels) labels = "";
    for (struct co_metric *metric = metrics->all; metric; metric = metric->next)
        if (strcmp(metric->name, name) == 0 && strcmp(metric->labels, labels) == 0) return metric;
    struct co_metric *metric = co_calloc(1, sizeof *metric);
    metric->owner = metrics;
    metric->kind = kind;
    metric->name = co_strdup(name);
    metric->labels = co_strdup(labels);
    *metrics->tail = metric;
    metrics->tail = &metric->next;
    return metric;
}

static void window_add(struct window *window, double value) {
    if (window->count == 0 || value < window->min) window->min = value;
    if (window->count == 0 || value > window->max) window->max = value;
    window->count++;
    window->sum += value;
    window->sum_squares += value * value;
}

void co_metric_add(struct co_metric *metric, double value) {
    metric->total += value;
    window_add(&metric->open, value);
}

void co_metric_set(struct co_metric *metric, double value) {
    metric->gauge = value;
    metric->has_gauge = true;
}

void co_metric_sample(struct co_metric *metric, double value) {
    metric->total += value;
    metric->total_count++;
    window_add(&metric->open, value);
}

/* Calls visit(key, value) through `out` for each "key=value" of the labels. */
static void write_labels(struct co_buffer *out, const char *labels, const char *pair_format) {
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", labels);
    bool first = true;
    for (char *pair = strtok_r(copy, " ", &rest); pair; pair = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(pair, '=');
        if (!equals) continue;
        *equals = '\0';
        if (!first) co_buffer_add_byte(out, ',');
        first = false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        co_buffer_printf(out, pair_format, pair, equals + 1);
#pragma GCC diagnostic pop
    }
}

static void write_window(struct co_buffer *out, const struct co_metric *metric) {
    const struct window *window = &metric->closed;
    double count = (double)window->count, mean = window->sum / count;
    double variance = window->count > 1 ? (window->sum_squares - window->sum * mean) / (count - 1) : 0;
    co_buffer_printf(out,
                     "{\"Name\":\"%s.%s\",\"Count\":%llu,\"Rate\":%.10g,\"Sum\":%.10g,\"Min\":%.10g,\"Max\":%.10g,"
                     "\"Mean\":%.10g,\"Stddev\":%.10g,\"Labels\":{",
                     metric->owner->prefix, metric->name, (unsigned long long)window->count,
                     window->sum * 1000 / INTERVAL_MS, window->sum, window->min, window->max, mean,
                     variance > 0 ? sqrt(variance) : 0.0);
    write_labels(out, metric->labels, "\"%s\":\"%s\"");
    co_buffer_add_text(out, "}}");
}

static void write_kind(struct co_buffer *out, const struct co_metrics *metrics, enum co_metric_kind kind) {
    bool first = true;
    co_buffer_add_byte(out, '[');
    for (const struct co_metric *metric = metrics->all; metric; metric = metric->next) {
        bool is_shown = kind == CO_METRIC_GAUGE ? metric->has_gauge : metric->closed.count > 0;
        if (metric->kind != kind || !is_shown) continue;
        if (!first) co_buffer_add_byte(out, ',');
        first = false;
        if (kind != CO_METRIC_GAUGE) {
            write_window(out, metric);
            continue;
        }
        co_buffer_printf(out, "{\"Name\":\"%s.%s\",\"Value\":%.10g,\"Labels\":{", metrics->gauge_prefix, metric->name,
                         metric->gauge);
        write_labels(out, metric->labels, "\"%s\":\"%s\"");
        co_buffer_add_text(out, "}}");
    }
    co_buffer_add_byte(out, ']');
}

void co_metrics_write_json(struct co_ctx *ctx, struct co_buffer *out) {
    struct co_metrics *metrics = ctx->agent->metrics;
    time_t seconds = metrics->closed_at_ns / CO_SECOND;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char stamp[40];
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S +0000 UTC", &utc);
    co_buffer_printf(out, "{\"Timestamp\":\"%s\",\"Gauges\":", stamp);
    write_kind(out, metrics, CO_METRIC_GAUGE);
    co_buffer_add_text(out, ",\"Points\":[],\"Counters\":");
    write_kind(out, metrics, CO_METRIC_COUNTER);
    co_buffer_add_text(out, ",\"Samples\":");
    write_kind(out, metrics, CO_METRIC_SAMPLE);
    co_buffer_add_byte(out, '}');
}

static void write_prometheus_name(struct co_buffer *out, const struct co_metric *metric) {
    struct co_buffer name = {0};
    const struct co_metrics *owner = metric->owner;
    const char *prefix = metric->kind == CO_METRIC_GAUGE ? owner->gauge_prefix : owner->prefix;
    co_buffer_printf(&name, "%s_%s", prefix, metric->name);
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
        co_buffer_add_byte(out, is_plain ? (uint8_t)c : '_');
    }
    co_buffer_fini(&name);
}

static void write_series(struct co_buffer *out, const struct co_metric *metric, const char *suffix, double value) {
    write_prometheus_name(out, metric);
    co_buffer_add_text(out, suffix);
    if (metric->labels[0]) {
        co_buffer_add_byte(out, '{');
        write_labels(out, metric->labels, "%s=\"%s\"");
        co_buffer_add_byte(out, '}');
    }
    co_buffer_printf(out, " %.17g\n", value);
}

void co_metrics_write_prometheus(struct co_ctx *ctx, struct co_buffer *out) {
    static const char *const types[] = {
        [CO_METRIC_COUNTER] = "counter", [CO_METRIC_GAUGE] = "gauge", [CO_METRIC_SAMPLE] = "summary"};
    for (const struct co_metric *metric = ctx->agent->metrics->all; metric; metric = metric->next) {
        co_buffer_add_text(out, "# HELP ");
        write_prometheus_name(out, metric);
        co_buffer_printf(out, " %s\n# TYPE ", metric->name);
        write_prometheus_name(out, metric);
        co_buffer_printf(out, " %s\n", types[metric->kind]);
        if (metric->kind == CO_METRIC_SAMPLE) {
            write_series(out, metric, "_sum", metric->total);
            write_series(out, metric, "_count", (double)metric->total_count);
        } else {
            write_series(out, metric, "", metric->kind == CO_METRIC_GAUGE ? metric->gauge : metric->total);
        }
    }
}
