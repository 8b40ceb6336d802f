/* Field tables of the catalog's structs, and the composite keys of its tables. The ids stand in stored rows and in the journal:
 * never change or reuse one. Compiled also into the slices that share the structs. */
#include "catalog.h"

CO_SCHEMA(catalog_node_schema, struct catalog_node, "Node", CO_FIELD(1, struct catalog_node, id, "ID", 0),
          CO_FIELD(2, struct catalog_node, node, "Node", 0), CO_FIELD(3, struct catalog_node, address, "Address", 0),
          CO_FIELD(4, struct catalog_node, datacenter, "Datacenter", 0),
          CO_FIELD(5, struct catalog_node, tagged_addresses, "TaggedAddresses", 0),
          CO_FIELD(6, struct catalog_node, meta, "Meta", 0),
          CO_FIELD(7, struct catalog_node, create_index, "CreateIndex", 0),
          CO_FIELD(8, struct catalog_node, modify_index, "ModifyIndex", 0));

CO_SCHEMA(catalog_weights_schema, struct catalog_weights, "Weights",
          CO_FIELD(1, struct catalog_weights, passing, "Passing", 0),
          CO_FIELD(2, struct catalog_weights, warning, "Warning", 0));

CO_SCHEMA(catalog_service_address_schema, struct catalog_service_address, "ServiceAddress",
          CO_FIELD(1, struct catalog_service_address, address, "Address", 0),
          CO_FIELD(2, struct catalog_service_address, port, "Port", 0));

CO_SCHEMA(catalog_service_schema, struct catalog_service, "NodeService",
          CO_FIELD(1, struct catalog_service, kind, "Kind", CO_OMIT_EMPTY),
          CO_FIELD(2, struct catalog_service, id, "ID", 0), CO_FIELD(3, struct catalog_service, service, "Service", 0),
          CO_FIELD(4, struct catalog_service, tags, "Tags", 0),
          CO_FIELD(5, struct catalog_service, address, "Address", 0),
          CO_TABLE_OF(6, struct catalog_service, tagged_addresses, "TaggedAddresses", CO_OMIT_EMPTY,
                      &catalog_service_address_schema),
          CO_FIELD(7, struct catalog_service, meta, "Meta", 0), CO_FIELD(8, struct catalog_service, port, "Port", 0),
          CO_RECORD(9, struct catalog_service, weights, "Weights", 0, &catalog_weights_schema),
          CO_FIELD(10, struct catalog_service, enable_tag_override, "EnableTagOverride", 0),
          CO_FIELD(11, struct catalog_service, node, "Node", CO_HIDDEN),
          CO_FIELD(12, struct catalog_service, create_index, "CreateIndex", 0),
          CO_FIELD(13, struct catalog_service, modify_index, "ModifyIndex", 0));

/* In the order of Consul's answers, which is not that of the ids. */
CO_SCHEMA(catalog_check_definition_schema, struct catalog_check_definition, "HealthCheckDefinition",
          CO_FIELD(5, struct catalog_check_definition, interval, "Interval", CO_OMIT_EMPTY),
          CO_FIELD(6, struct catalog_check_definition, timeout, "Timeout", CO_OMIT_EMPTY),
          CO_FIELD(7, struct catalog_check_definition, deregister_critical_service_after,
                   "DeregisterCriticalServiceAfter", CO_OMIT_EMPTY),
          CO_FIELD(1, struct catalog_check_definition, http, "HTTP", CO_OMIT_EMPTY),
          CO_FIELD(8, struct catalog_check_definition, tls_skip_verify, "TLSSkipVerify", CO_OMIT_EMPTY),
          CO_FIELD(9, struct catalog_check_definition, header, "Header", CO_OMIT_EMPTY),
          CO_FIELD(3, struct catalog_check_definition, method, "Method", CO_OMIT_EMPTY),
          CO_FIELD(4, struct catalog_check_definition, body, "Body", CO_OMIT_EMPTY),
          CO_FIELD(2, struct catalog_check_definition, tcp, "TCP", CO_OMIT_EMPTY));

CO_SCHEMA(catalog_check_schema, struct catalog_check, "HealthCheck", CO_FIELD(1, struct catalog_check, node, "Node", 0),
          CO_FIELD(2, struct catalog_check, check_id, "CheckID", 0), CO_FIELD(3, struct catalog_check, name, "Name", 0),
          CO_FIELD(4, struct catalog_check, status, "Status", 0), CO_FIELD(5, struct catalog_check, notes, "Notes", 0),
          CO_FIELD(6, struct catalog_check, output, "Output", 0),
          CO_FIELD(7, struct catalog_check, service_id, "ServiceID", 0),
          CO_FIELD(8, struct catalog_check, service_name, "ServiceName", 0),
          CO_FIELD(9, struct catalog_check, service_tags, "ServiceTags", 0),
          CO_FIELD(10, struct catalog_check, type, "Type", 0),
          CO_RECORD(11, struct catalog_check, definition, "Definition", 0, &catalog_check_definition_schema),
          CO_FIELD(12, struct catalog_check, create_index, "CreateIndex", 0),
          CO_FIELD(13, struct catalog_check, modify_index, "ModifyIndex", 0));

CO_SCHEMA(catalog_register_schema, struct catalog_register, "RegisterRequest",
          CO_FIELD(1, struct catalog_register, datacenter, "Datacenter", 0),
          CO_FIELD(2, struct catalog_register, id, "ID", 0), CO_FIELD(3, struct catalog_register, node, "Node", 0),
          CO_FIELD(4, struct catalog_register, address, "Address", 0),
          CO_FIELD(5, struct catalog_register, tagged_addresses, "TaggedAddresses", 0),
          CO_FIELD(6, struct catalog_register, node_meta, "NodeMeta", 0),
          CO_POINTER(7, struct catalog_register, service, "Service", 0, &catalog_service_schema),
          CO_POINTER(8, struct catalog_register, check, "Check", 0, &catalog_check_schema),
          CO_RECORDS(9, struct catalog_register, checks, "Checks", 0, &catalog_check_schema),
          CO_FIELD(10, struct catalog_register, skip_node_update, "SkipNodeUpdate", 0));

CO_SCHEMA(catalog_deregister_schema, struct catalog_deregister, "DeregisterRequest",
          CO_FIELD(1, struct catalog_deregister, datacenter, "Datacenter", 0),
          CO_FIELD(2, struct catalog_deregister, node, "Node", 0),
          CO_FIELD(3, struct catalog_deregister, service_id, "ServiceID", 0),
          CO_FIELD(4, struct catalog_deregister, check_id, "CheckID", 0));

CO_SCHEMA(catalog_node_request_schema, struct catalog_node_request, "NodeSpecificRequest",
          CO_FIELD(1, struct catalog_node_request, datacenter, "Datacenter", 0),
          CO_FIELD(2, struct catalog_node_request, node, "Node", 0),
          CO_FIELD(3, struct catalog_node_request, no_checks, "NoChecks", 0));

CO_SCHEMA(catalog_node_reply_schema, struct catalog_node_reply, "IndexedNodeServices",
          CO_POINTER(1, struct catalog_node_reply, node, "Node", 0, &catalog_node_schema),
          CO_RECORDS(2, struct catalog_node_reply, services, "Services", 0, &catalog_service_schema),
          CO_RECORDS(3, struct catalog_node_reply, checks, "Checks", 0, &catalog_check_schema));

CO_SCHEMA(catalog_query_schema, struct catalog_query, "ServiceSpecificRequest",
          CO_FIELD(1, struct catalog_query, name, "ServiceName", 0),
          CO_FIELD(2, struct catalog_query, tags, "ServiceTags", 0),
          CO_FIELD(3, struct catalog_query, node_meta, "NodeMetaFilters", 0));

CO_SCHEMA(catalog_nodes_reply_schema, struct catalog_nodes_reply, "IndexedNodes",
          CO_RECORDS(1, struct catalog_nodes_reply, nodes, "Nodes", 0, &catalog_node_schema));

CO_SCHEMA(catalog_tags_schema, struct catalog_tags, "ServiceTags", CO_FIELD(1, struct catalog_tags, name, "Name", 0),
          CO_FIELD(2, struct catalog_tags, tags, "Tags", 0));

CO_SCHEMA(catalog_services_reply_schema, struct catalog_services_reply, "IndexedServices",
          CO_RECORDS(1, struct catalog_services_reply, services, "Services", 0, &catalog_tags_schema));

CO_SCHEMA(catalog_instance_schema, struct catalog_instance, "ServiceNode",
          CO_POINTER(1, struct catalog_instance, node, "Node", 0, &catalog_node_schema),
          CO_POINTER(2, struct catalog_instance, service, "Service", 0, &catalog_service_schema));

CO_SCHEMA(catalog_instances_reply_schema, struct catalog_instances_reply, "IndexedServiceNodes",
          CO_RECORDS(1, struct catalog_instances_reply, instances, "ServiceNodes", 0, &catalog_instance_schema));

CO_SCHEMA(catalog_datacenters_reply_schema, struct catalog_datacenters_reply, "Datacenters",
          CO_FIELD(1, struct catalog_datacenters_reply, names, "Datacenters", 0));

/* Appends `text` and a NUL. 0: no room. */
static size_t append(char *out, size_t at, const char *text, bool is_lowered) {
    for (; *text; text++) {
        if (at + 1 >= CO_STORAGE_KEY_MAX) return 0;
        out[at++] = is_lowered && *text >= 'A' && *text <= 'Z' ? (char)(*text + ('a' - 'A')) : *text;
    }
    out[at++] = 0;
    return at;
}

struct co_bytes catalog_prefix(char *out, const char *const *parts, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size = append(out, size, parts[i] ? parts[i] : "", true);
        if (size == 0) return co_bytes(out, 0);
    }
    return co_bytes(out, size);
}

struct co_bytes catalog_key(char *out, const char *const *parts, size_t count) {
    struct co_bytes key = catalog_prefix(out, parts, count);
    if (key.size) key.size--;
    return key;
}

struct co_bytes catalog_state_key(char *out, const char *status, const char *node, const char *check_id) {
    size_t size = append(out, 0, status, false);
    if (size && check_id[0]) size = append(out, size, node, true);
    if (size && check_id[0]) size = append(out, size, check_id, true);
    if (size && check_id[0]) size--;
    return co_bytes(out, size);
}

const char *catalog_service_index_name(char *out, const char *service) {
    memcpy(out, "service.", 8);
    size_t size = append(out, 8, service, true);
    if (size == 0) out[0] = 0; /* no such service can exist */
    return out;
}

void catalog_pack(struct co_buffer *out, const char *service, const struct co_strings *tags) {
    bool is_lower = strpbrk(service, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL;
    if (is_lower && tags->count == 0) return;
    co_buffer_add(out, is_lower ? "" : service, is_lower ? 1 : strlen(service) + 1);
    for (size_t i = 0; i < tags->count; i++) co_buffer_add(out, tags->items[i], strlen(tags->items[i]) + 1);
}
