import TextField from "@mui/material/TextField";
import { useState } from "react";
import { WIDGETS, type WidgetType } from "../../api/widgets";
import { FormDialog } from "../../parts/ask";
import { useNow } from "../../parts/now";
import { Pill } from "../../parts/words";
import { exampleOf } from "./examples";
import { type Shown, typeNames, WidgetBody } from "./widgets/widget";

const groups = [
  { shows: "live", name: "Live, read by Portico" },
  { shows: "payload", name: "Filled by programs and people" },
] as const;

function Preview({ type }: { type: WidgetType }) {
  const example = exampleOf(type, useNow());
  const shown = { type, title: typeNames[type], options: example ? { data: example } : {} } as Shown;
  return (
    <section className="picker-preview" aria-label={`Preview of ${typeNames[type]}`}>
      <div className="row apart">
        <strong>{typeNames[type]}</strong>
        {example ? <Pill tone="warn">example data</Pill> : <Pill tone="ok">your data</Pill>}
      </div>
      <p className="dim">{WIDGETS.find((it) => it.type === type)?.description}</p>
      <div className="card widget">
        <div className="widget-body">
          <WidgetBody of={shown} />
        </div>
      </div>
    </section>
  );
}

/** Every kind of widget, each with a look at what it would show. */
export function Picker({ onAdd, onClose }: { onAdd: (type: WidgetType, title: string) => void; onClose: () => void }) {
  const [type, setType] = useState<WidgetType>("Calls");
  const [title, setTitle] = useState<string | null>(null);
  const shownTitle = title ?? typeNames[type];
  const wrong =
    shownTitle.trim() === "" ? "Give it a title" : shownTitle.length > 120 ? "At most 120 characters" : null;
  return (
    <FormDialog
      title="Add a widget"
      verb="Add widget"
      busy={false}
      ready={!wrong}
      error={null}
      wide
      onSubmit={() => onAdd(type, shownTitle.trim())}
      onClose={onClose}
    >
      <div className="widget-picker">
        <div className="picker-types">
          {groups.map((group) => (
            <fieldset key={group.shows}>
              <legend className="dim">{group.name}</legend>
              {WIDGETS.filter((it) => it.shows === group.shows).map((it) => (
                <label key={it.type} className={it.type === type ? "picker-type on" : "picker-type"}>
                  <input
                    type="radio"
                    name="widget-type"
                    value={it.type}
                    checked={it.type === type}
                    onChange={() => setType(it.type)}
                  />
                  {typeNames[it.type]}
                </label>
              ))}
            </fieldset>
          ))}
        </div>
        <Preview type={type} />
      </div>
      <TextField
        label="Title"
        value={shownTitle}
        onChange={(event) => setTitle(event.target.value)}
        error={wrong !== null}
        helperText={wrong}
        autoComplete="off"
      />
    </FormDialog>
  );
}
