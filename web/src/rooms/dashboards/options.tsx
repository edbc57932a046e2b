import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { widgetKinds } from "../../api/queries/dashboards";
import { allServices } from "../../api/queries/services";
import { useMay } from "../../api/session";
import type { JsonSchema } from "../../api/types";
import type { Widget } from "../../api/widgets";
import { FormDialog } from "../../parts/ask";
import { fieldProblem } from "../../parts/schema";
import { SchemaFields } from "../../parts/schema-form";
import { Loaded } from "../../parts/trouble";
import { dataProblem } from "./check";
import type { Wording } from "./document";
import { exampleOf } from "./examples";
import { labelOf, optionFields, optionsFrom, textsOf } from "./option-fields";
import { typeNames } from "./widgets/widget";

const dataName = labelOf("data");

/** What is wrong with the data as a whole, once it is JSON at all. */
function dataTrouble(schema: JsonSchema | null, text: string | undefined): string | null {
  const shape = schema?.properties?.data;
  if (!shape || !text || text.trim() === "") return null;
  try {
    return dataProblem(JSON.parse(text), shape);
  } catch {
    return null;
  }
}

interface FormProps {
  widget: Widget;
  /** Not there while the server is away. */
  schema: JsonSchema | null;
  onSave: (from: Wording, to: Wording) => void;
  onClose: () => void;
}

function OptionsForm({ widget, schema, onSave, onClose }: FormProps) {
  const services = useQuery({ ...allServices, enabled: useMay("services.read") }).data ?? [];
  const names = services.map((service) => service.name);
  const chosen = "service" in widget.options ? widget.options.service : undefined;
  // One that is gone, or hidden from whoever edits, stays what it was until another is chosen.
  const fields = optionFields(schema, chosen && names.length > 0 ? [...new Set([...names, chosen])] : names);
  // As it was when the form was opened: what others change meanwhile is not this form's.
  const [start] = useState<Wording>({ title: widget.title, options: widget.options });
  const [title, setTitle] = useState(widget.title);
  const [texts, setTexts] = useState(() => textsOf(fields, widget.options));
  const [tried, setTried] = useState(false);
  const wrongTitle = title.trim() === "" ? "Give it a title" : title.length > 120 ? "At most 120 characters" : null;
  const trouble = dataTrouble(schema, texts[dataName]);
  const wrong =
    wrongTitle !== null || trouble !== null || fields.some((field) => fieldProblem(field, texts[field.name] ?? ""));
  const set = (name: string, text: string) => setTexts((before) => ({ ...before, [name]: text }));
  const example = exampleOf(widget.type, Date.now());
  return (
    <FormDialog
      title={`Options of ${start.title}`}
      verb="Save"
      busy={false}
      error={null}
      wide={example !== undefined}
      onSubmit={() => {
        setTried(true);
        const options = schema ? optionsFrom(fields, texts) : start.options;
        if (!wrong) onSave(start, { title: title.trim(), options });
      }}
      onClose={onClose}
    >
      <TextField
        label="Title"
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        error={wrongTitle !== null}
        helperText={wrongTitle ?? typeNames[widget.type]}
        autoComplete="off"
        margin="dense"
      />
      {schema ? (
        <SchemaFields fields={fields} texts={texts} tried={tried} onChange={set} />
      ) : (
        <p className="notice warn">What else it takes is not known while the server cannot be reached.</p>
      )}
      {trouble && (
        <p className="notice bad" role="alert">
          {trouble}.
        </p>
      )}
      {schema && example && (
        <div className="row">
          <Button onClick={() => set(dataName, JSON.stringify(example, null, 2))}>Start from an example</Button>
          <span className="dim">Programs fill it with a proposal, which you keep or discard.</span>
        </div>
      )}
    </FormDialog>
  );
}

/** A form made from what the schema says about this kind of widget. */
export function Options({ widget, onSave, onClose }: Omit<FormProps, "schema">) {
  const kinds = useQuery(widgetKinds);
  const schema = kinds.data?.find((kind) => kind.type === widget.type)?.options ?? null;
  if (schema || kinds.error) {
    const known = schema ? "with options" : "title alone";
    return <OptionsForm key={known} widget={widget} schema={schema} onSave={onSave} onClose={onClose} />;
  }
  return (
    <FormDialog
      title={`Options of ${widget.title}`}
      verb="Save"
      busy={false}
      ready={false}
      error={null}
      onSubmit={() => {}}
      onClose={onClose}
    >
      <Loaded query={kinds} what="What this widget takes">
        {() => <p className="dim">The server does not know this kind of widget.</p>}
      </Loaded>
    </FormDialog>
  );
}
