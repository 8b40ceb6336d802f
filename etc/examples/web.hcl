# A service in Consul's format: etc/quickstart registers it in a dev agent.
service {
  name = "web"
  port = 8080
  tags = ["primary", "v1"]

  meta {
    version = "1.0.0"
  }

  check {
    id     = "web-heartbeat"
    name   = "the service reports by itself"
    ttl    = "10m"
    status = "passing"
  }
}
