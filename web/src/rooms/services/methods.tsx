import type { Service, ServiceMethod } from "../../api/types";
import { Card } from "../../parts/page";
import { Table } from "../../parts/table";
import { Tag } from "../../parts/words";

export function Methods({ service }: { service: Service }) {
  return (
    <Card title="Methods" flush>
      <Table<ServiceMethod>
        label="Methods"
        rows={service.methods}
        rowKey={(method) => method.name}
        columns={[
          { name: "Name", cell: (method) => <span className="strong">{method.name}</span> },
          {
            name: "Way",
            cell: (method) => (
              <span className="mono break">
                <Tag>{method.http_method}</Tag> {method.path}
              </span>
            ),
          },
          {
            name: "What it does",
            wide: true,
            hide: "m",
            cell: (method) => <span className="dim">{method.description}</span>,
          },
          {
            name: "Takes",
            hide: "s",
            cell: (method) => (
              <span className="mono dim break">
                {Object.keys(method.parameters?.properties ?? {}).join(", ") || "nothing"}
              </span>
            ),
          },
        ]}
      />
    </Card>
  );
}
