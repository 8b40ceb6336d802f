bind_addr = "{{ GetAllInterfaces | include \"name\" \"^lo$\" | limit 1 | attr \"address\" }}" client_addr = "{{GetPrivateIPs}} {{ GetInterfaceIP `lo` }}"
