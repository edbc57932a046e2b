import Button from "@mui/material/Button";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { allServices, serviceList, serviceSearch } from "../../api/queries/services";
import { useMay } from "../../api/session";
import type { Service } from "../../api/types";
import { FilterChip, options, SearchBox, useFilters } from "../../parts/filters";
import { percent } from "../../parts/format";
import { Card, PageHead } from "../../parts/page";
import { type Column, More, Table } from "../../parts/table";
import { Empty, Trouble } from "../../parts/trouble";
import { BreakerPill, StatusPill } from "../../parts/verdict";
import { Ago, Tag } from "../../parts/words";

interface Row {
  service: Service;
  score?: number;
  reason?: string;
}

const names = ["q", "kind", "status", "layer", "tag", "sort"] as const;

function openBreakers(service: Service) {
  const breakers = service.versions.flatMap((version) => version.endpoints.map((endpoint) => endpoint.breaker));
  return breakers.find((breaker) => breaker && breaker.state !== "closed") ?? null;
}

/** The versions, with their share of the calls where there is more than one. */
function shares({ versions }: Service): string {
  const whole = versions.reduce((sum, it) => sum + it.weight, 0);
  if (versions.length === 1 || whole === 0) return versions.map((it) => it.version).join(" · ");
  return versions.map((it) => `${it.version} ${percent((it.weight / whole) * 100)}`).join(" · ");
}

function columnsFor(searching: boolean): Column<Row>[] {
  const columns: Column<Row>[] = [
    {
      name: "Name",
      wide: true,
      cell: ({ service, reason }) => (
        <>
          <Link to={`/services/${service.name}`} data-open className="strong break">
            {service.name}
          </Link>
          <div className="dim break">{reason ?? service.description}</div>
        </>
      ),
    },
    { name: "Kind", cell: ({ service }) => <Tag>{service.kind}</Tag>, hide: "s" },
    {
      name: "Status",
      nowrap: true,
      cell: ({ service }) => {
        const breaker = openBreakers(service);
        return (
          <span className="row">
            <StatusPill status={service.status} />
            {breaker && <BreakerPill state={breaker.state} />}
          </span>
        );
      },
    },
    {
      name: "Versions",
      hide: "m",
      cell: ({ service }) => <span className="mono">{shares(service)}</span>,
    },
    { name: "Layer", hide: "l", cell: ({ service }) => service.layer ?? <span className="dim">none</span> },
    {
      name: "Tags",
      hide: "l",
      cell: ({ service }) => (
        <span className="row">
          {service.tags.slice(0, 4).map((tag) => (
            <Tag key={tag}>{tag}</Tag>
          ))}
        </span>
      ),
    },
    {
      name: "Changed",
      hide: "m",
      nowrap: true,
      right: true,
      cell: ({ service }) =>
        service.kind === "builtin" ? <span className="dim">built in</span> : <Ago at={service.updated_at} />,
    },
  ];
  if (!searching) return columns;
  return [
    ...columns.slice(0, 6),
    { name: "Closeness", right: true, cell: ({ score }) => <span className="mono">{score?.toFixed(2)}</span> },
  ];
}

function Filters({ filters }: { filters: ReturnType<typeof useFilters<(typeof names)[number]>> }) {
  const { values, set, clear, any } = filters;
  const all = useQuery(allServices).data ?? [];
  const layers = [...new Set(all.flatMap((it) => it.layer ?? []))].sort();
  const tags = [...new Set(all.flatMap((it) => it.tags))].sort();
  return (
    <search className="filters">
      <SearchBox label="Search by name or by what it does" value={values.q ?? ""} onChange={(q) => set({ q })} />
      <FilterChip
        name="kind"
        value={values.kind}
        options={options("http", "model", "tools", "agent", "builtin")}
        onChange={(kind) => set({ kind })}
      />
      <FilterChip
        name="status"
        value={values.status}
        options={options("healthy", "degraded", "unhealthy", "unknown")}
        onChange={(status) => set({ status })}
      />
      {(layers.length > 0 || values.layer) && (
        <FilterChip
          name="layer"
          value={values.layer}
          options={options(...layers)}
          onChange={(layer) => set({ layer })}
        />
      )}
      {(tags.length > 0 || values.tag) && (
        <FilterChip name="tag" value={values.tag} options={options(...tags)} onChange={(tag) => set({ tag })} />
      )}
      {!values.q && (
        <FilterChip
          name="order"
          any="by name"
          value={values.sort}
          options={[{ value: "-created_at", name: "newest first" }]}
          onChange={(sort) => set({ sort })}
        />
      )}
      {any && (
        <Button variant="text" onClick={clear}>
          Clear
        </Button>
      )}
    </search>
  );
}

export function ServiceList() {
  const filters = useFilters(names);
  const { q, ...rest } = filters.values;
  const searching = Boolean(q);
  const list = useInfiniteQuery({ ...serviceList({ ...rest, sort: rest.sort ?? "name" }), enabled: !searching });
  const search = useQuery({ ...serviceSearch(q ?? "", rest), enabled: searching });
  const mayManage = useMay("services.manage");
  const query = searching ? search : list;
  const rows: Row[] | undefined = searching
    ? search.data?.map((match) => ({ service: match.service, score: match.score, reason: match.match_reason }))
    : list.data?.pages.flatMap((page) => page.items.map((service) => ({ service })));
  const register = mayManage && (
    <Button variant="contained" component={Link} to="/services/new">
      Register a service
    </Button>
  );
  return (
    <>
      <PageHead
        title="Services"
        tab="Services"
        line="everything that can be called through Portico"
        actions={register}
      />
      <Filters filters={filters} />
      {query.error && <Trouble error={query.error} what="The services" retry={() => query.refetch()} />}
      {rows?.length === 0 ? (
        <Card>
          <Empty
            title={filters.any ? "No service fits" : "No services yet"}
            command={filters.any ? undefined : "portico services add inventory --url http://127.0.0.1:9000"}
            action={filters.any ? <Button onClick={filters.clear}>Clear the filters</Button> : register}
          >
            {filters.any
              ? "Try other words: the search looks at names, descriptions, tags and capabilities."
              : "A service is an HTTP API or a model server. Once it is registered, every key with the permission can call it here, with limits, budgets and a record of each call."}
          </Empty>
        </Card>
      ) : (
        !(query.error && !rows) && (
          <div className="card flush">
            <Table
              label="Services"
              columns={columnsFor(searching)}
              rows={rows}
              rowKey={(row) => row.service.id}
              opens
              tall
            />
            {rows && !searching && <More shown={rows.length} noun="service" {...list} />}
          </div>
        )
      )}
    </>
  );
}
