import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import MenuItem from "@mui/material/MenuItem";
import TextField from "@mui/material/TextField";
import { useQuery } from "@tanstack/react-query";
import { secretList } from "../../api/queries/platform";
import { useMay, useMe } from "../../api/session";
import type { useForm } from "../../parts/form";
import type { ServiceValues } from "./draft";

type Form = ReturnType<typeof useForm<ServiceValues>>;

function Credential({ form }: { form: Form }) {
  const mayRead = useMay("secrets.read");
  const secrets = useQuery({ ...secretList, enabled: mayRead }).data ?? [];
  const names = new Set([...secrets.map((secret) => secret.name), form.values.credential_secret]);
  names.delete("");
  return (
    <div className="form-grid">
      {mayRead ? (
        <TextField
          select
          label="Secret to send"
          {...form.text("credential_secret", "Sent to the service, never shown to callers")}
        >
          <MenuItem value="">none</MenuItem>
          {[...names].map((name) => (
            <MenuItem key={name} value={name}>
              {name}
            </MenuItem>
          ))}
        </TextField>
      ) : (
        <TextField label="Name of the secret to send" {...form.text("credential_secret")} />
      )}
      {form.values.credential_secret && (
        <>
          <TextField label="Header" {...form.text("credential_header")} />
          <TextField label="Format" {...form.text("credential_format", "{secret} stands for the value")} />
        </>
      )}
    </div>
  );
}

function ModelFields({ form }: { form: Form }) {
  return (
    <div className="form-grid">
      <TextField label="Models it serves" {...form.text("models", "Separated by commas, as callers name them")} />
      <TextField label="Most output tokens" {...form.text("max_output_tokens", "Reserved when a call does not say")} />
      <TextField label="Input price, $ per million tokens" {...form.text("price_input")} />
      <TextField label="Output price, $ per million tokens" {...form.text("price_output")} />
    </div>
  );
}

/** The fields of a service, for registering and for editing. */
export function ServiceFields({ form, isNew }: { form: Form; isNew: boolean }) {
  const { scope } = useMe();
  return (
    <>
      {isNew && (
        <div className="form-grid">
          <TextField
            label="Name"
            autoFocus
            required
            {...form.text("name", "Stands in its address; cannot change later")}
          />
          <TextField select label="Kind" {...form.text("kind")}>
            <MenuItem value="http">http — any HTTP API</MenuItem>
            <MenuItem value="model">model — speaks the OpenAI dialect</MenuItem>
            <MenuItem value="tools">tools — an MCP server over streamable HTTP</MenuItem>
          </TextField>
          <TextField
            label="Address of the first endpoint"
            required
            className="all"
            {...form.text("url", "More endpoints and versions can be added later")}
          />
        </div>
      )}
      <TextField
        label="Description"
        multiline
        maxRows={4}
        {...form.text("description", "What it does, in the words people search for")}
      />
      {form.values.kind === "model" && <ModelFields form={form} />}
      <div className="strong">Finding it</div>
      <div className="form-grid">
        <TextField label="Tags" {...form.text("tags", "Separated by commas")} />
        <TextField label="Capabilities" {...form.text("capabilities", "Separated by commas")} />
        <TextField label="Layer" {...form.text("layer", "Such as L04")} />
        <TextField select label="Visible to" {...form.text("visibility")}>
          <MenuItem value="org">everybody in the org</MenuItem>
          <MenuItem value="restricted">only those with a grant</MenuItem>
        </TextField>
        {isNew && (
          <FormControlLabel
            control={
              <Checkbox
                checked={form.values.only_scope}
                onChange={(event) => form.set("only_scope", event.target.checked)}
              />
            }
            label={`Only in scope ${scope}`}
          />
        )}
      </div>
      <div className="strong">Calling it</div>
      <div className="form-grid">
        <TextField
          label="Longest time, seconds"
          {...form.text("timeout_s", "Empty: the default of this installation")}
        />
        <TextField label="Retries" {...form.text("max_retries", "After a failed first try, where safe")} />
        {form.values.kind !== "tools" && (
          <TextField label="Keep answers for, seconds" {...form.text("cache_ttl_s", "0 or empty: never")} />
        )}
        <TextField label="Health path" {...form.text("health_path", "Such as /health; answers 2xx when well")} />
        <TextField label="Price of a call, $" {...form.text("price_call")} />
      </div>
      <Credential form={form} />
      {form.values.kind === "http" && (
        <TextField
          label="Methods, as JSON"
          multiline
          minRows={2}
          maxRows={12}
          slotProps={{ htmlInput: { className: "mono", spellCheck: false } }}
          {...form.text(
            "methods",
            'Optional: [{"name", "http_method", "path", "description", "parameters": JSON schema}]; they become forms on the service\'s page',
          )}
        />
      )}
    </>
  );
}
