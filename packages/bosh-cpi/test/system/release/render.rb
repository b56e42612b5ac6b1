# Renders the templates of a job as a director does: ERB with the properties that its spec declares, and no others.
#
# usage: render.rb JOB-FOLDER TARGET < { "properties": {...}, "links": { NAME: { "instances": [...], "properties": {...} } } }
require 'erb'
require 'fileutils'
require 'json'
require 'ostruct'
require 'yaml'

module Lookup
  def lookup(properties, name)
    name.split('.').reduce(properties) { |value, step| value.is_a?(Hash) ? value[step] : nil }
  end
end

# What follows an `if_p` or `if_link` whose block was not carried out.
class Otherwise
  def initialize(context, done)
    @context = context
    @done = done
  end

  def else
    yield unless @done
  end

  def else_if_p(*names, &block)
    @done ? self : @context.if_p(*names, &block)
  end
end

class Scope
  include Lookup

  def initialize(properties)
    @properties = properties
  end

  def p(*arguments)
    names, default = arguments
    found = Array(names).map { |name| lookup(@properties, name) }.find { |value| !value.nil? }
    return found unless found.nil?
    return default if arguments.length == 2

    raise "Can't find property '#{Array(names).join("', or '")}'"
  end

  def if_p(*names)
    values = names.map { |name| lookup(@properties, name) }
    return Otherwise.new(self, false) if values.any?(&:nil?)

    yield(*values)
    Otherwise.new(self, true)
  end
end

class Link < Scope
  attr_reader :instances

  def initialize(link)
    super(link['properties'])
    @instances = link['instances'].map { |instance| OpenStruct.new(instance) }
  end
end

class Template < Scope
  attr_reader :name, :index, :spec

  def initialize(properties, job, links)
    super(properties)
    @name = job
    @index = 0
    @spec = OpenStruct.new(name: job, index: 0, id: 'a1b2', address: '10.0.0.5', ip: '10.0.0.5', deployment: 'test', bootstrap: true)
    @links = links
  end

  def link(name)
    raise "Can't find link '#{name}'" unless @links.key?(name)

    Link.new(@links[name])
  end

  def if_link(name)
    return Otherwise.new(self, false) unless @links.key?(name)

    yield link(name)
    Otherwise.new(self, true)
  end

  def render(path)
    erb = ERB.new(File.read(path), trim_mode: '-')
    erb.filename = path
    erb.result(binding)
  end
end

include Lookup

folder, target = ARGV
given = JSON.parse($stdin.read)
job = YAML.safe_load(File.read(File.join(folder, 'spec')))

# Only what is declared is seen.
properties = {}
job['properties'].each do |name, declared|
  value = lookup(given['properties'], name)
  value = declared['default'] if value.nil?
  next if value.nil?

  *steps, last = name.split('.')
  steps.reduce(properties) { |below, step| below[step] ||= {} }[last] = value
end

template = Template.new(properties, job['name'], given['links'] || {})
job['templates'].each do |source, place|
  path = File.join(target, place)
  FileUtils.mkdir_p(File.dirname(path))
  File.write(path, template.render(File.join(folder, 'templates', source)))
  # As the agent has them: readable for its group at most.
  File.chmod(place.start_with?('bin/') ? 0o750 : 0o640, path)
end
File.write(File.join(target, 'monit'), template.render(File.join(folder, 'monit')))
