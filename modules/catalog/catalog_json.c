/* The catalog's structs as JSON, in the order and with the quirks of Consul's answers (no tags are [], no meta is null, a service
 * always shows its empty Proxy and Connect). Written by hand: these are the busiest pages. Compiled also into health. */
#include "catalog.h"
#include "cohort/http.h"

static void lit(struct co_buffer *out, const char *text) {
    co_buffer_add_text(out, text);
}

void catalog_json_text(struct co_buffer *out, const char *text) {
    co_buffer_add_json_string(out, text ? text : "", text ? strlen(text) : 0);
}

static void number(struct co_buffer *out, int64_t value) {
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) *--at = '-';
    co_buffer_add(out, at, (size_t)(digits + sizeof digits - at));
}

void catalog_json_strings(struct co_buffer *out, const struct co_strings *strings) {
    co_buffer_add_byte(out, '[');
    for (size_t i = 0; i < strings->count; i++) {
        if (i) co_buffer_add_byte(out, ',');
        catalog_json_text(out, strings->items[i]);
    }
    co_buffer_add_byte(out, ']');
}

static void map(struct co_buffer *out, const struct co_map *pairs, const char *empty) {
    if (pairs->count == 0) {
        lit(out, pairs->items ? "{}" : empty);
        return;
    }
    for (size_t i = 0; i < pairs->count; i++) { /* rows keep maps sorted by key */
        co_buffer_add_byte(out, i ? ',' : '{');
        catalog_json_text(out, pairs->items[i].key);
        co_buffer_add_byte(out, ':');
        catalog_json_text(out, pairs->items[i].value);
    }
    co_buffer_add_byte(out, '}');
}

static void indexes(struct co_buffer *out, uint64_t create, uint64_t modify) {
    lit(out, ",\"CreateIndex\":");
    number(out, (int64_t)create);
    lit(out, ",\"ModifyIndex\":");
    number(out, (int64_t)modify);
    co_buffer_add_byte(out, '}');
}

static void node_head(struct co_buffer *out, const struct catalog_node *node) {
    lit(out, "{\"ID\":");
    catalog_json_text(out, node->id);
    lit(out, ",\"Node\":");
    catalog_json_text(out, node->node);
    lit(out, ",\"Address\":");
    catalog_json_text(out, node->address);
    lit(out, ",\"Datacenter\":");
    catalog_json_text(out, node->datacenter);
    lit(out, ",\"TaggedAddresses\":");
    map(out, &node->tagged_addresses, "null");
}

void catalog_json_node(struct co_buffer *out, const struct catalog_node *node) {
    node_head(out, node);
    lit(out, ",\"Meta\":");
    map(out, &node->meta, "null");
    indexes(out, node->create_index, node->modify_index);
}

static void addresses(struct co_buffer *out, const char *key, const struct co_table_of *table) {
    if (table->count == 0) return;
    lit(out, key);
    for (size_t i = 0; i < table->count; i++) {
        const struct catalog_service_address *address = table->items[i].value;
        co_buffer_add_byte(out, i ? ',' : '{');
        catalog_json_text(out, table->items[i].key);
        lit(out, ":{\"Address\":");
        catalog_json_text(out, address->address);
        lit(out, ",\"Port\":");
        number(out, address->port);
        co_buffer_add_byte(out, '}');
    }
    co_buffer_add_byte(out, '}');
}

static void weights(struct co_buffer *out, const struct catalog_weights *weight) {
    lit(out, "{\"Passing\":");
    number(out, weight->passing);
    lit(out, ",\"Warning\":");
    number(out, weight->warning);
    co_buffer_add_byte(out, '}');
}

void catalog_json_service(struct co_buffer *out, const struct catalog_service *service) {
    co_buffer_add_byte(out, '{');
    if (service->kind && service->kind[0]) {
        lit(out, "\"Kind\":");
        catalog_json_text(out, service->kind);
        co_buffer_add_byte(out, ',');
    }
    lit(out, "\"ID\":");
    catalog_json_text(out, service->id);
    lit(out, ",\"Service\":");
    catalog_json_text(out, service->service);
    lit(out, ",\"Tags\":");
    catalog_json_strings(out, &service->tags);
    lit(out, ",\"Address\":");
    catalog_json_text(out, service->address);
    addresses(out, ",\"TaggedAddresses\":", &service->tagged_addresses);
    lit(out, ",\"Meta\":");
    map(out, &service->meta, "null");
    lit(out, ",\"Port\":");
    number(out, service->port);
    lit(out, ",\"Weights\":");
    weights(out, &service->weights);
    lit(out, service->enable_tag_override ? ",\"EnableTagOverride\":true" : ",\"EnableTagOverride\":false");
    lit(out, ",\"Proxy\":{\"MeshGateway\":{},\"Expose\":{}},\"Connect\":{}");
    indexes(out, service->create_index, service->modify_index);
}

void catalog_json_instance(struct co_buffer *out, const struct catalog_instance *instance) {
    const struct catalog_service *service = instance->service;
    node_head(out, instance->node);
    lit(out, ",\"NodeMeta\":");
    map(out, &instance->node->meta, "null");
    lit(out, ",\"ServiceKind\":");
    catalog_json_text(out, service->kind);
    lit(out, ",\"ServiceID\":");
    catalog_json_text(out, service->id);
    lit(out, ",\"ServiceName\":");
    catalog_json_text(out, service->service);
    lit(out, ",\"ServiceTags\":");
    catalog_json_strings(out, &service->tags);
    lit(out, ",\"ServiceAddress\":");
    catalog_json_text(out, service->address);
    addresses(out, ",\"ServiceTaggedAddresses\":", &service->tagged_addresses);
    lit(out, ",\"ServiceWeights\":");
    weights(out, &service->weights);
    lit(out, ",\"ServiceMeta\":");
    map(out, &service->meta, "{}");
    lit(out, ",\"ServicePort\":");
    number(out, service->port);
    lit(out,
        service->enable_tag_override ? ",\"ServiceEnableTagOverride\":true" : ",\"ServiceEnableTagOverride\":false");
    lit(out, ",\"ServiceProxy\":{\"MeshGateway\":{},\"Expose\":{}},\"ServiceConnect\":{}");
    indexes(out, service->create_index, service->modify_index);
}

void catalog_json_check(struct co_buffer *out, const struct catalog_check *check) {
    lit(out, "{\"Node\":");
    catalog_json_text(out, check->node);
    lit(out, ",\"CheckID\":");
    catalog_json_text(out, check->check_id);
    lit(out, ",\"Name\":");
    catalog_json_text(out, check->name);
    lit(out, ",\"Status\":");
    catalog_json_text(out, check->status);
    lit(out, ",\"Notes\":");
    catalog_json_text(out, check->notes);
    lit(out, ",\"Output\":");
    catalog_json_text(out, check->output);
    lit(out, ",\"ServiceID\":");
    catalog_json_text(out, check->service_id);
    lit(out, ",\"ServiceName\":");
    catalog_json_text(out, check->service_name);
    lit(out, ",\"ServiceTags\":");
    catalog_json_strings(out, &check->service_tags);
    lit(out, ",\"Type\":");
    catalog_json_text(out, check->type);
    lit(out, ",\"Definition\":");
    co_encode_json(&catalog_check_definition_schema, &check->definition, out);
    indexes(out, check->create_index, check->modify_index);
}

void catalog_json_checks(struct co_buffer *out, struct co_records checks) {
    const struct catalog_check *check = checks.items;
    co_buffer_add_byte(out, '[');
    for (size_t i = 0; i < checks.count; i++) {
        if (i) co_buffer_add_byte(out, ',');
        catalog_json_check(out, &check[i]);
    }
    co_buffer_add_byte(out, ']');
}

void catalog_page_finish(struct co_http_page *page) {
    if (!page->is_indented) return;
    struct co_buffer flat = page->body;
    page->body = (struct co_buffer){0};
    co_json_indent(co_bytes(flat.data, flat.size), &page->body);
    co_buffer_fini(&flat);
}
