/* Metrics: a handle per series, looked up once. Names without the prefix ("http.requests"); shown at /v1/agent/metrics in
 * go-metrics' shape, aggregated over 10 s. Loop thread. */
#ifndef COHORT_METRICS_H
#define COHORT_METRICS_H

#include "base.h"

struct co_ctx;
struct co_metric;
enum co_metric_kind { CO_METRIC_COUNTER, CO_METRIC_GAUGE, CO_METRIC_SAMPLE };

/* `labels` is "key=value key=value" or NULL. The same name and labels give the same handle, for the life of the process. */
CO_EXPORT struct co_metric *co_metric(struct co_ctx *, enum co_metric_kind, const char *name, const char *labels);
CO_EXPORT void co_metric_add(struct co_metric *, double value);    /* COUNTER */
CO_EXPORT void co_metric_set(struct co_metric *, double value);    /* GAUGE */
CO_EXPORT void co_metric_sample(struct co_metric *, double value); /* SAMPLE, e.g. milliseconds */

struct co_buffer;
CO_EXPORT void co_metrics_write_json(struct co_ctx *, struct co_buffer *out);
CO_EXPORT void co_metrics_write_prometheus(struct co_ctx *, struct co_buffer *out);

#endif
