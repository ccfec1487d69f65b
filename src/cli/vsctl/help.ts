// The text of weft-vsctl --help.

export function helpText(name: string): string {
  return `${name}: configures the switch daemon through its database
usage: ${name} [OPTIONS] COMMAND [ARG...] [-- COMMAND [ARG...]]...
All commands of one call are one transaction.

The switch:
  init                        initialize the database, if it is empty
  show                        print an overview of the database
  emer-reset                  clear everything but bridges, ports and interfaces

Bridges:
  [--may-exist] add-br BRIDGE [PARENT VLAN]  add BRIDGE, or a bridge for VLAN of PARENT
  [--if-exists] del-br BRIDGE                delete BRIDGE with all of its ports
  [--real|--fake] list-br                    print the bridges' names
  br-exists BRIDGE                           exit with status 2 if BRIDGE does not exist
  br-to-vlan BRIDGE                          print the VLAN that BRIDGE is for
  br-to-parent BRIDGE                        print the parent of BRIDGE
  br-set-external-id BRIDGE KEY [VALUE]      set KEY to VALUE, or unset it
  br-get-external-id BRIDGE [KEY]            print KEY's value, or all pairs

Ports (a bond is one port) and their interfaces:
  list-ports BRIDGE                                     print the ports of BRIDGE
  [--may-exist] add-port BRIDGE PORT [COLUMN=VALUE]...  add PORT
  [--may-exist] add-bond BRIDGE PORT IFACE... [COLUMN=VALUE]...
  [--may-exist] add-bond-iface BOND IFACE               add IFACE to a bond
  [--if-exists] del-bond-iface [BOND] IFACE             take IFACE out of its bond
  [--if-exists] [--with-iface] del-port [BRIDGE] PORT   delete PORT
  port-to-br PORT                                       print the bridge of PORT
  list-ifaces BRIDGE                                    print the interfaces of BRIDGE
  iface-to-br IFACE                                     print the bridge of IFACE

Connections:
  get-controller|del-controller BRIDGE
  [--inactivity-probe=MSECS] set-controller BRIDGE TARGET...
  get-fail-mode|del-fail-mode BRIDGE, set-fail-mode BRIDGE standalone|secure
  get-manager, del-manager, [--inactivity-probe=MSECS] set-manager TARGET...
  get-ssl, del-ssl, [--bootstrap] set-ssl PRIVATE-KEY CERTIFICATE CA-CERT
  add-aa-mapping|del-aa-mapping BRIDGE I-SID VLAN, get-aa-mapping BRIDGE

Any table of the database (RECORD is a name or a UUID):
  [--columns=COLUMN[,COLUMN]...] list TABLE [RECORD]...
  [--columns=COLUMN[,COLUMN]...] find TABLE [COLUMN[:KEY]=VALUE]...
  [--if-exists] [--id=@NAME] get TABLE RECORD [COLUMN[:KEY]]...
  [--if-exists] set TABLE RECORD COLUMN[:KEY]=VALUE...
  [--if-exists] add TABLE RECORD COLUMN [KEY=]VALUE...
  [--if-exists] remove TABLE RECORD COLUMN KEY|VALUE|KEY=VALUE...
  [--if-exists] clear TABLE RECORD COLUMN...
  [--id=@NAME] create TABLE COLUMN[:KEY]=VALUE...
  [--if-exists] destroy TABLE RECORD..., --all destroy TABLE
  wait-until TABLE RECORD [COLUMN[:KEY]=VALUE]...
  comment ARG...

Options:
  --db=DATABASE           unix:FILE or tcp:HOST:PORT (default: db.sock in the run directory)
  --no-wait               do not wait until the daemon has applied the change
  --retry                 keep trying to connect
  -t, --timeout=SECS      give up after SECS seconds
  --dry-run               change nothing
  --oneline               print each command's output on one line
  -f, --format=FORMAT     list, table, json, csv or html
  -d, --data=FORMAT       print values as string, bare or json
  --no-headings           print no heading row
  --pretty                indent JSON
  --bare                  the same as --format=list --data=bare --no-headings
  --max-column-width=N    cut columns of a table at N characters
  -v, --verbose[=SPEC]    set logging levels
  --log-file[=FILE], --syslog-method=METHOD, --syslog-target=IP:PORT, --no-syslog
  -h, --help              print this help
  -V, --version           print the version`;
}
